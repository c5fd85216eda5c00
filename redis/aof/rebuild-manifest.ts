import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { aofFileOf, type ChosenFiles, chooseAofFiles } from './choose-files.ts';
import { type AofFile, formatAofManifest, parseAofManifest } from './manifest.ts';

/**
 * Makes the manifest of an append-only directory again from the names of its files, in one step. Files that it doesn't name
 * stay: among them what an empty Redis wrote that had started without it. That Redis must be stopped. Idempotent.
 * @returns what the manifest names, in the order that Redis loads it
 * @throws RecoveryError `MANIFEST_INVALID` where the names can be read in several ways; nothing is changed then
 */
export async function rebuildAofManifest(directory: string, appendfilename: string): Promise<AofFile[]> {
  const name = `${appendfilename}.manifest`;
  const names = await readdir(directory);
  const present = await presentFiles(join(directory, name));
  if (isWhole(present, names, appendfilename)) return present.filter(({ type }) => type !== 'history');
  const { files, unclear } = choose(names, appendfilename, present);
  if (!files) throw ambiguous(directory, unclear);
  await replace(directory, name, formatAofManifest(files), join(directory, files[0]?.name ?? ''));
  return files;
}

/** What a manifest names that is there all the same; none of one that Redis would refuse. */
async function presentFiles(path: string): Promise<AofFile[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  try {
    return parseAofManifest(text);
  } catch {
    return []; // empty or damaged: as good as lost
  }
}

const highestBase = (names: readonly string[], appendfilename: string): number =>
  Math.max(0, ...names.map((name) => aofFileOf(name, appendfilename)).map((file) => (file?.type === 'base' ? file.seq : 0)));

/** It names the newest base and every increment since: it is ours, of an attempt before, or was never lost. */
function isWhole(present: readonly AofFile[], names: readonly string[], appendfilename: string): boolean {
  const base = present.find(({ type }) => type === 'base');
  if (!base || base.seq < highestBase(names, appendfilename)) return false;
  const named = new Set(present.map(({ name }) => name));
  const since = names.flatMap((name) => aofFileOf(name, appendfilename) ?? []).filter(({ seq }) => seq >= base.seq);
  return (
    since.every(({ name }) => named.has(name)) && present.every(({ name, type }) => type === 'history' || names.includes(name))
  );
}

/** A manifest with an older base belongs to an empty Redis alone, and so do its files. With the newest, it has taken the numbers of the lost log up again. */
function choose(names: readonly string[], appendfilename: string, present: readonly AofFile[]): ChosenFiles {
  const base = present.find(({ type }) => type === 'base');
  const isYounger = base !== undefined && base.seq < highestBase(names, appendfilename);
  return chooseAofFiles(names, appendfilename, isYounger ? new Set(present.map(({ name }) => name)) : undefined);
}

/** On disk when this returns, and owned as the base is: Redis may run as another user than we. */
async function replace(directory: string, name: string, text: string, base: string): Promise<void> {
  const { uid, gid, mode } = await stat(base);
  const unfinished = join(directory, `${name}.${randomUUID()}.unfinished`);
  try {
    const file = await open(unfinished, 'wx', mode & 0o777);
    try {
      await file.writeFile(text);
      if (process.getuid?.() === 0) await file.chown(uid, gid);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, join(directory, name));
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {}); // the first error says more
    throw error;
  }
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const ambiguous = (directory: string, why: string): RecoveryError =>
  new RecoveryError('MANIFEST_INVALID', `the manifest of ${directory} cannot be made again from its files: ${why}`, {
    next: 'Write it by hand, one line a file: `file NAME seq N type b` for the base, `type i` for each increment in order. Or restore a backup.',
  });
