import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { checkLayout, WORK_DIRECTORY } from '../data-layout.ts';
import type { DataLayout } from '../platform.ts';
import { type FileSystem, namesIn, realDirectory, realFileSystem, syncDirectory, translated } from './files.ts';
import { withDirectoryLock } from './lock.ts';
import { ownAsDirectory } from './owner.ts';

/** Options of every step. */
export interface DataDirectoryOptions {
  /** For tests. Default: the real file system. */
  files?: FileSystem;
}

/** The places of one operation inside a data directory. */
export interface Operation {
  files: FileSystem;
  id: string;
  layout: DataLayout;
  /** The data directory with its symbolic links resolved. */
  dir: string;
  /** `<dir>/.redis-backup`. */
  root: string;
  /** `<root>/<operation id>`. */
  home: string;
  /** What was downloaded and is not in place yet. */
  staged: string;
  /** The data that was here before. */
  aside: string;
  /** What was written after the old data had been moved, and had to give way to it again. */
  rejected: string;
}

/** Names of what is being removed begin with it. */
export const DELETED = '.deleted-';
const OPERATION_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** Finds the places of an operation and makes its home. Touches no data file. */
export async function openOperation(layout: DataLayout, id: string, { files = realFileSystem }: DataDirectoryOptions = {}) {
  checkLayout(layout);
  if (!OPERATION_ID.test(id)) {
    throw new RecoveryError('INPUT_INVALID', `${JSON.stringify(id)} is not an operation id`, {
      next: 'Use letters, digits, hyphens and underscores, at most 128.',
    });
  }
  const dir = await realDirectory(files, layout.dir);
  const root = join(dir, WORK_DIRECTORY);
  const home = join(root, id);
  const at = (name: string) => join(home, name);
  const operation = { files, id, layout, dir, root, home, staged: at('staged'), aside: at('aside'), rejected: at('rejected') };
  // 0700: staged data holds session tokens, and only the worker looks into it before it is in place.
  await files.mkdir(home, { recursive: true, mode: 0o700 }).catch(rethrowTranslated(dir));
  await ownAsDirectory(files, dir, [root, home]);
  await syncDirectory(files, dir);
  await syncDirectory(files, root);
  return operation satisfies Operation;
}

/** Runs one step of an operation, alone in its data directory, with errors of the file system translated. */
export async function inOperation<T>(
  layout: DataLayout,
  id: string,
  options: DataDirectoryOptions | undefined,
  step: (operation: Operation) => Promise<T>,
): Promise<T> {
  const operation = await openOperation(layout, id, options);
  const { files, root, home, dir } = operation;
  return withDirectoryLock(root, async () => {
    try {
      return await step(operation);
    } finally {
      await ownAsDirectory(files, root, [home, ...(await namesIn(files, home)).map((name) => join(home, name))]);
    }
  }).catch(rethrowTranslated(dir));
}

export const rethrowTranslated =
  (dir: string) =>
  (error: unknown): never => {
    throw translated(error, dir);
  };
