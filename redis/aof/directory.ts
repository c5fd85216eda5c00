import { access, mkdir, open, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { type AofFile, formatAofManifest } from './manifest.ts';

export interface MultiPartNames {
  /** `appenddirname` of the server. */
  appenddirname: string;
  /** `appendfilename` of the server: the names of all parts begin with it. */
  appendfilename: string;
}

export interface MultiPartSources extends MultiPartNames {
  /** An RDB, on the same file system. It is moved and not copied. */
  base: { path: string };
  /** The commands since the base, as they stand in a log; moved, too. Absent: none since. */
  incr?: { path: string };
}

export interface MultiPartFromRdb extends MultiPartNames {
  rdbPath: string;
  /** See `incr`. */
  logPath?: string;
}

/** `writeMultiPart` for what a restore has staged: an RDB, and a log where there is one. */
export const writeMultiPartFromRdb = (dir: string, { rdbPath, logPath, ...names }: MultiPartFromRdb): Promise<AofFile[]> =>
  writeMultiPart(dir, { ...names, base: { path: rdbPath }, ...(logPath === undefined ? {} : { incr: { path: logPath } }) });

/**
 * Makes `<dir>/<appenddirname>` a multi-part append-only directory of a base and a log, which is empty if none is given. A
 * Redis with `appendonly yes` loads exactly this and ignores dump.rdb. Understood by every Redis from 7.0 on, and by Valkey.
 * The manifest comes last and in one step: killed before it, the directory is one that Redis takes for empty, so put it
 * where Redis looks only when this has returned. All is on disk then.
 * @returns the files that the manifest names
 * @throws RecoveryError `TARGET_DISK_FULL`; `RESTORE_REFUSED` when there is a manifest already or the file system says no
 */
export async function writeMultiPart(dir: string, sources: MultiPartSources): Promise<AofFile[]> {
  const { appenddirname, appendfilename, base, incr } = sources;
  for (const name of [appenddirname, appendfilename]) requirePlainName(name);
  const directory = join(dir, appenddirname);
  const files: AofFile[] = [
    { name: `${appendfilename}.1.base.rdb`, seq: 1, type: 'base' },
    { name: `${appendfilename}.1.incr.aof`, seq: 1, type: 'incr' },
  ];
  const [basePath = '', incrPath = ''] = files.map(({ name }) => join(directory, name));
  const manifest = join(directory, `${appendfilename}.manifest`);
  try {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await requireAbsent(manifest);
    // Both are looked at before one is moved: a refusal leaves what it was given.
    for (const { path } of incr ? [base, incr] : [base]) await sync(path, 'r+');
    if (incr) await rename(incr.path, incrPath);
    else await writeSynced(incrPath, '');
    await rename(base.path, basePath);
    const unfinished = `${manifest}.unfinished`;
    await writeSynced(unfinished, formatAofManifest(files));
    await sync(directory, 'r'); // the parts must be there before the manifest that names them
    await rename(unfinished, manifest);
    await sync(directory, 'r');
    await sync(dir, 'r');
  } catch (error) {
    throw translate(error, directory);
  }
  return files;
}

function requirePlainName(name: string): void {
  if (name !== '' && name !== '.' && name !== '..' && basename(name) === name) return;
  throw new RecoveryError('RESTORE_REFUSED', `"${name}" is not a plain file name`, {
    next: 'Check appenddirname and appendfilename of the server.',
  });
}

async function requireAbsent(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false, // whatever else is wrong with the path, the first write says
  );
  if (!isThere) return;
  throw new RecoveryError('RESTORE_REFUSED', `${path} is there already`, { next: 'Move the append-only directory aside first.' });
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sync(path: string, flags: 'r' | 'r+'): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function translate(error: unknown, directory: string): RecoveryError {
  if (error instanceof RecoveryError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `no space left for ${directory}`;
    return new RecoveryError('TARGET_DISK_FULL', message, { next: 'Free space on that disk, then restore again.', cause: error });
  }
  return new RecoveryError('RESTORE_REFUSED', `could not make ${directory}: ${messageOf(error)}`, {
    next: "Check that the worker's user may write there, and that the RDB is on the same file system.",
    cause: error,
  });
}
