import { join } from 'node:path';
import type { LogDamage } from '../../model/recovery/log-damage.ts';
import { WORK_DIRECTORY } from '../data-layout.ts';
import type { DataLayout } from '../platform.ts';
import { type FileSystem, namesIn, realDirectory, realFileSystem, writeWhole } from './files.ts';

import { makeOwn } from './owner.ts';

/** What was found in a log when all of it was read, kept beside it: a large one isn't read twice while Redis is down. */
export interface LogLook {
  /** Of the files that were read: another log has another one. */
  print: string;
  damage?: LogDamage;
}

const FILE = 'log-look.json';

/** `undefined` if nobody has read the log as it is now. */
export async function readLogLook(layout: DataLayout, files: FileSystem = realFileSystem): Promise<LogLook | undefined> {
  const text = await files.readFile(join(layout.dir, WORK_DIRECTORY, FILE), 'utf8').catch(() => '');
  try {
    const look = JSON.parse(text) as LogLook;
    return look.print === (await printOf(layout, files)) ? look : undefined;
  } catch {
    return undefined; // none, or a damaged one: the log is read again
  }
}

/** Of the log as it is now. */
export async function writeLogLook(
  layout: DataLayout,
  damage: LogDamage | undefined,
  files: FileSystem = realFileSystem,
): Promise<void> {
  const look: LogLook = { print: await printOf(layout, files), ...(damage ? { damage } : {}) };
  const root = join(await realDirectory(files, layout.dir), WORK_DIRECTORY);
  await makeOwn(files, root);
  await writeWhole(files, root, FILE, `${JSON.stringify(look)}\n`);
}

async function printOf({ dir, appenddirname, appendfilename }: DataLayout, files: FileSystem): Promise<string> {
  const directory = join(dir, appenddirname);
  const names = await namesIn(files, directory);
  const paths = [join(dir, appendfilename), ...names.map((name) => join(directory, name))];
  const stats = await Promise.all(paths.map((path) => files.stat(path).catch(() => undefined)));
  return stats.map((one) => (one ? `${one.ino}:${one.size}:${one.mtimeMs}` : '')).join(' ');
}
