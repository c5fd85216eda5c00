import { join } from 'node:path';
import { WORK_DIRECTORY } from '../data-layout.ts';
import type { DataLayout } from '../platform.ts';
import { type FileSystem, isDiskFull, lstatIfThere, namesIn, realDirectory, realFileSystem, writeWhole } from './files.ts';

import { makeOwn } from './owner.ts';

/** The last restart that a recovery has begun, kept beside the data so that it outlives every worker. */
export interface RestartRecord {
  instance: string;
  shard: string;
  operationId: string;
  /** Of the assessment that it follows from: with the operation, the identity of the act. */
  assessedAt: string;
  atMs: number;
  /** Of the one that was to be ended. Absent: none ran. */
  identity?: string;
  /** Its worker died while it started it: whether it was started is not known. */
  unsure?: string;
  /** It was started again because a person had mended what its last start failed of. */
  mended?: true;
  /** Why that start failed: it isn't tried again, because a second start can destroy what a first one left. */
  failed?: string;
  /** Sizes of the logs right before the start, by name: what Redis then cuts off is lost. */
  logBytes?: Record<string, number>;
}

const FILE = 'last-restart.json';

/** `undefined` if there was none. A record that cannot be read counts as none: the worst is one restart more. */
export async function readRestart(layout: DataLayout, files: FileSystem = realFileSystem): Promise<RestartRecord | undefined> {
  const text = await files.readFile(join(layout.dir, WORK_DIRECTORY, FILE), 'utf8').catch(() => '');
  try {
    const record = JSON.parse(text) as RestartRecord | null;
    return typeof record?.atMs === 'number' ? record : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Replaces the record as a whole.
 * @returns false where it couldn't be written, on a full disk or without the right to: no reason to leave Redis down
 */
export async function writeRestart(
  layout: DataLayout,
  record: RestartRecord,
  files: FileSystem = realFileSystem,
): Promise<boolean> {
  const root = join(await realDirectory(files, layout.dir), WORK_DIRECTORY);
  try {
    if (!(await lstatIfThere(files, root))) await makeOwn(files, root);
    await writeWhole(files, root, FILE, `${JSON.stringify(record, null, 2)}\n`);
    return true;
  } catch (error) {
    const denied = ['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (denied || isDiskFull(error)) return false;
    throw error;
  }
}

/** Sizes of everything that a starting Redis reads as its log, by name. */
export async function logBytes(layout: DataLayout, files: FileSystem = realFileSystem): Promise<Record<string, number>> {
  const directory = join(layout.dir, layout.appenddirname);
  const names = await namesIn(files, directory).catch(() => []); // not a directory: Redis will say so
  const paths = [join(layout.dir, layout.appendfilename), ...names.map((name) => join(directory, name))];
  const sizes: Record<string, number> = {};
  for (const path of paths) {
    const stats = await lstatIfThere(files, path);
    if (stats?.isFile()) sizes[path.slice(path.lastIndexOf('/') + 1)] = stats.size;
  }
  return sizes;
}
