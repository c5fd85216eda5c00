import { dirname, join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { type FileSystem, lstatIfThere, namesIn, realDirectory, realFileSystem } from './files.ts';

/** Who owns the data files and how they may be used. Redis often runs as its own user while the worker is root. */
export interface FileOwner {
  uid: number;
  gid: number;
  fileMode: number;
  directoryMode: number;
}

const GROUP_WRITE = 0o020;

/** As the first data file that is there; else as the data directory. @throws RecoveryError `RESTORE_REFUSED` if there is none */
export async function fileOwnerOf(files: FileSystem, dir: string, names: readonly string[]): Promise<FileOwner> {
  for (const name of names) {
    // Follows a symbolic link; a broken one says nothing.
    const stats = await files.stat(join(dir, name)).catch(() => undefined);
    if (!stats) continue;
    const { uid, gid } = stats;
    const mode = stats.mode & 0o777;
    if (stats.isDirectory()) return { uid, gid, fileMode: mode & 0o666, directoryMode: mode };
    return { uid, gid, fileMode: mode & 0o666, directoryMode: withSearch(mode & 0o666) };
  }
  const { uid, gid, mode } = await files.stat(await realDirectory(files, dir));
  const fileMode = mode & GROUP_WRITE ? 0o660 : 0o600;
  return { uid, gid, fileMode, directoryMode: withSearch(fileMode) };
}

const withSearch = (mode: number): number => mode | ((mode & 0o444) >> 2);

/**
 * What root keeps in `.redis-backup` belongs to the owner of the data directory: a worker that is moved from root to the user of
 * Redis must still get at it. Paths that are not there are left out; data files are never given away so.
 */
export async function ownAsDirectory(files: FileSystem, directory: string, paths: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await files.stat(directory);
  for (const path of paths) {
    const stats = await lstatIfThere(files, path);
    if (stats && !stats.isSymbolicLink() && (stats.uid !== uid || stats.gid !== gid)) await files.chown(path, uid, gid);
  }
}

/** Makes a directory of ours in another, owned like that one. */
export async function makeOwn(files: FileSystem, path: string): Promise<void> {
  await files.mkdir(path, { recursive: true, mode: 0o700 });
  await ownAsDirectory(files, dirname(path), [path]);
}

/** A directory in `<dir>/.redis-backup`, both owned as the data directory. */
export async function ownWorkDirectory(path: string): Promise<void> {
  await makeOwn(realFileSystem, dirname(path));
  await makeOwn(realFileSystem, path);
}

/** Gives a file, or a directory with all that is in it, to the owner. Safe to repeat. @throws RecoveryError `TARGET_DENIED` */
export async function giveTo(files: FileSystem, owner: FileOwner, path: string): Promise<void> {
  const stats = await files.lstat(path);
  if (stats.isDirectory()) for (const name of await namesIn(files, path)) await giveTo(files, owner, join(path, name));
  if (stats.uid !== owner.uid || stats.gid !== owner.gid) await changeOwner(files, owner, path, stats.uid);
  const mode = stats.isDirectory() ? owner.directoryMode : owner.fileMode;
  if ((stats.mode & 0o777) !== mode) await files.chmod(path, mode);
}

async function changeOwner(files: FileSystem, { uid, gid }: FileOwner, path: string, nowUid: number): Promise<void> {
  try {
    await files.chown(path, uid, gid);
  } catch (error) {
    // Only the group differs and we are not in it: the owner can use the file all the same.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    if (nowUid === uid) return;
    throw new RecoveryError('TARGET_DENIED', `the data files belong to user ${uid}, and this worker cannot give files away`, {
      next: 'Run the worker on that host as the user that Redis runs as, or as root.',
      cause: error,
    });
  }
}
