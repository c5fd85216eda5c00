import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { DataLayout } from '../platform.ts';
import { bytesUnder, type FileSystem, lstatIfThere } from './files.ts';
import type { Original } from './journal.ts';

/** The names in the data directory that decide what a starting Redis loads; `appendfilename` is the log of Redis 6 and older. */
export const decisiveNames = (layout: DataLayout): string[] => [layout.dbfilename, layout.appenddirname, layout.appendfilename];

/** What stands under the decisive names. */
export async function survey(files: FileSystem, dir: string, layout: DataLayout): Promise<Original[]> {
  const originals: Original[] = [];
  for (const name of decisiveNames(layout)) {
    const path = join(dir, name);
    const stats = await lstatIfThere(files, path);
    if (!stats) originals.push({ name, kind: 'absent', bytes: 0 });
    else if (stats.isSymbolicLink()) originals.push({ name, kind: 'link', bytes: 0 });
    else originals.push({ name, kind: stats.isDirectory() ? 'directory' : 'file', bytes: await bytesUnder(files, path) });
  }
  return originals;
}

/**
 * Why the data files cannot be moved aside and replaced by renames, one sentence each; empty if they can.
 * A symbolic link in the place of a file is no obstacle: Redis itself replaces it with a file at its next save.
 */
export async function obstaclesOf(files: FileSystem, dir: string, layout: DataLayout): Promise<string[]> {
  const obstacles: string[] = [];
  const mounts = await mountPoints(files);
  const { dev } = await files.stat(dir);
  for (const { name, kind } of await survey(files, dir, layout)) {
    const path = join(dir, name);
    if (kind === 'link' && name === layout.appenddirname) {
      obstacles.push(`${path} is a symbolic link: the new log would be written to another disk than the old one`);
    } else if (kind !== 'absent' && kind !== 'link' && (mounts.has(path) || (await files.lstat(path)).dev !== dev)) {
      obstacles.push(`${path} is a mount point, which cannot be renamed: mount ${dir} as a whole`);
    }
  }
  return obstacles;
}

/** @throws RecoveryError `RESTORE_REFUSED` with the first obstacle */
export async function refuseObstacles(files: FileSystem, dir: string, layout: DataLayout): Promise<void> {
  const [obstacle] = await obstaclesOf(files, dir, layout);
  if (obstacle === undefined) return;
  throw new RecoveryError('RESTORE_REFUSED', obstacle, {
    next: 'Put the data files into one plain directory, or restore into another directory.',
  });
}

/** Empty where there is no /proc (macOS); the device number is compared besides. */
async function mountPoints(files: FileSystem): Promise<Set<string>> {
  const text = await files.readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const unescaped = (path: string) =>
    path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return new Set(
    text
      .split('\n')
      .flatMap((line) => line.split(' ')[4] ?? [])
      .map(unescaped),
  );
}
