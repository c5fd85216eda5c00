import type { Stats } from 'node:fs';
import * as promises from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';

/** The file-system calls that the data directory is changed with. An argument, so that tests can end us at each of them. */
export type FileSystem = Pick<
  typeof promises,
  | 'chmod'
  | 'chown'
  | 'copyFile'
  | 'link'
  | 'lstat'
  | 'mkdir'
  | 'open'
  | 'readFile'
  | 'readdir'
  | 'readlink'
  | 'realpath'
  | 'rename'
  | 'rm'
  | 'stat'
  | 'statfs'
>;

export const realFileSystem: FileSystem = promises;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

/** `undefined` if nothing has that name; a symbolic link is reported as itself. */
export async function lstatIfThere(files: FileSystem, path: string): Promise<Stats | undefined> {
  try {
    return await files.lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export const isThere = async (files: FileSystem, path: string): Promise<boolean> =>
  (await lstatIfThere(files, path)) !== undefined;

/** Makes renames, creations and removals in a directory survive a power cut. */
export async function syncDirectory(files: FileSystem, directory: string): Promise<void> {
  const handle = await files.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a small file as a whole: after a crash it has the old text or the new one. Of root it belongs to whom its directory does. */
export async function writeWhole(files: FileSystem, directory: string, name: string, text: string): Promise<void> {
  const temporary = join(directory, `${name}.new`);
  const handle = await files.open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    if (process.getuid?.() === 0) {
      const { uid, gid } = await files.stat(directory);
      await handle.chown(uid, gid);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await files.rename(temporary, join(directory, name));
  await syncDirectory(files, directory);
}

/** Bytes of a file, or of all files under a directory. A name that vanishes meanwhile counts as nothing. */
export async function bytesUnder(files: FileSystem, path: string): Promise<number> {
  const stats = await lstatIfThere(files, path);
  if (!stats) return 0;
  if (!stats.isDirectory()) return stats.isFile() ? stats.size : 0;
  let bytes = 0;
  for (const name of await namesIn(files, path)) bytes += await bytesUnder(files, join(path, name));
  return bytes;
}

/** Names in a directory, sorted; none if it isn't there. */
export async function namesIn(files: FileSystem, directory: string): Promise<string[]> {
  try {
    return (await files.readdir(directory)).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);
const IMMOVABLE = new Set(['EBUSY', 'EXDEV']);

/** True for errors that say "no room": full disk, quota, file size limit. */
export const isDiskFull = (error: unknown): boolean => FULL.has(codeOf(error) ?? '');

/** Gives an error of the file system its code and next step; anything else comes back unchanged. */
export function translated(error: unknown, directory: string): unknown {
  const code = codeOf(error) ?? '';
  if (isDiskFull(error)) {
    return new RecoveryError('TARGET_DISK_FULL', `no space left in ${directory} (${code})`, {
      next: 'Free space or enlarge the disk of that directory, then start the restore again; `restore --plan` shows what it needs.',
      cause: error,
    });
  }
  if (DENIED.has(code)) {
    return new RecoveryError('TARGET_DENIED', `the worker may not do this in ${directory}: ${messageOf(error)}`, {
      next: 'Run the worker on that host as the user that Redis runs as, or as root.',
      cause: error,
    });
  }
  if (IMMOVABLE.has(code)) {
    return new RecoveryError('RESTORE_REFUSED', `a data file in ${directory} cannot be renamed: ${messageOf(error)}`, {
      next: 'Mount the whole data directory as one volume, not single files or folders in it.',
      cause: error,
    });
  }
  return error;
}

/** The data directory with its symbolic links resolved. @throws RecoveryError `RESTORE_REFUSED` if there is none */
export async function realDirectory(files: FileSystem, dir: string): Promise<string> {
  try {
    return await files.realpath(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw translated(error, dir);
    throw new RecoveryError('RESTORE_REFUSED', `the data directory ${dir} does not exist`, {
      next: 'Mount or create it, owned by the user that Redis runs as; check `dir` in the configuration of Redis.',
      cause: error,
    });
  }
}
