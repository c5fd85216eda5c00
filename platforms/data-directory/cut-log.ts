import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogDamage } from '../../model/recovery/log-damage.ts';
import type { DataLayout } from '../platform.ts';
import { bytesUnder, isDiskFull, isThere, namesIn, syncDirectory, writeWhole } from './files.ts';
import { type Journal, readJournal, writeJournal } from './journal.ts';
import { type DataDirectoryOptions, inOperation, type Operation, openOperation } from './operation.ts';
import { type FileOwner, giveTo } from './owner.ts';
import { survey } from './survey.ts';

export interface LogCut {
  damage: LogDamage;
  /** The manifest that ends with this file; absent for the single file of Redis 6. */
  manifest?: string;
  /** Files of the log that follow it: without what was cut they make no sense. */
  followers: readonly string[];
}

export interface CutLogOptions extends DataDirectoryOptions {
  signal?: AbortSignal;
  /** Called with the copy before it takes the place of the original, which stays as it is when this throws. */
  prove(copy: string, trial: string): Promise<void>;
}

export interface CutAside {
  damage: LogDamage;
  /** Where the files are kept as they were. */
  directory: string;
  bytes: number;
  /** There was no room for a copy: the log was cut where it lies, and this file has what stood behind. Appended, it is as it was. */
  tail?: string;
}

const COPY_BYTES = 1024 * 1024;

/**
 * Puts a copy of a damaged log in its place that ends behind its last whole command. What it replaces is kept in
 * `<operation id>-cut/aside/`, like what is set aside. Redis must be stopped. The log is the damaged one or the cut one at every
 * moment; a retry begins again: what is kept is never kept anew. Where there is no room for the copy the last file is cut where it
 * lies, once what is cut off is kept.
 * @throws RecoveryError `TARGET_DISK_FULL`, `TARGET_DENIED`; what `prove` throws
 */
export const cutLog = (layout: DataLayout, operationId: string, cut: LogCut, options: CutLogOptions): Promise<CutAside> =>
  inOperation(layout, `${operationId}-cut`, options, async (operation) => {
    const { files, home, aside, staged, id, dir } = operation;
    const known = await readJournal(files, home);
    await files.rm(staged, { recursive: true, force: true });
    await files.mkdir(staged, { recursive: true, mode: 0o700 });
    const copy = join(staged, cut.damage.name);
    try {
      await copyWhole(operation, cut, copy, options.signal);
    } catch (error) {
      if (!isDiskFull(error) || cut.damage.where !== 'end' || cut.followers.length > 0) throw error;
      await files.rm(staged, { recursive: true, force: true });
      return cutInPlace(operation, cut, options);
    }
    await options.prove(copy, join(staged, 'trial'));
    const originals = known?.originals ?? (await survey(files, dir, layout));
    await keep(operation, cut);
    const { damage } = cut;
    const journal: Journal = { formatVersion: 1, operationId: id, phase: 'set-aside', updatedAtMs: 0, originals, damage };
    await writeJournal(operation, { ...journal, startedAtMs: Date.now() });
    await place(operation, cut, copy);
    await files.rm(staged, { recursive: true, force: true });
    return { damage, directory: aside, bytes: await bytesUnder(files, aside) };
  });

/** What `cutLog` of this operation has done before; `undefined` if nothing. */
export async function cutBefore(layout: DataLayout, operationId: string): Promise<CutAside | undefined> {
  const { files, home, aside } = await openOperation(layout, `${operationId}-cut`);
  const damage = (await readJournal(files, home))?.damage;
  if (!damage) return undefined;
  const tail = join(aside, `${damage.name}${TAIL}`);
  return { damage, directory: aside, bytes: await bytesUnder(files, aside), ...((await isThere(files, tail)) ? { tail } : {}) };
}

/**
 * Where a copy has no room: what stands behind the last whole command is kept first, and is on disk before the log is cut. When
 * `prove` throws it is put behind it again.
 */
async function cutInPlace(operation: Operation, cut: LogCut, { prove, signal }: CutLogOptions): Promise<CutAside> {
  const { files, home, aside, staged, id, dir, layout } = operation;
  const { damage } = cut;
  const path = join(logDirectory(operation, cut), damage.name);
  const tail = join(aside, `${damage.name}${TAIL}`);
  const originals = (await readJournal(files, home))?.originals ?? (await survey(files, dir, layout));
  await files.mkdir(aside, { recursive: true, mode: 0o700 });
  await copyPart(operation, { from: path, at: damage.wholeBytes, bytes: damage.badBytes, to: tail, flags: 'w' }, signal);
  await syncDirectory(files, aside);
  const journal: Journal = { formatVersion: 1, operationId: id, phase: 'set-aside', updatedAtMs: 0, originals, damage };
  await writeJournal(operation, { ...journal, startedAtMs: Date.now() });
  await truncate(operation, path, damage.wholeBytes);
  try {
    await prove(path, join(staged, 'trial'));
  } catch (error) {
    await copyPart(operation, { from: tail, at: 0, bytes: damage.badBytes, to: path, flags: 'a' });
    throw error;
  } finally {
    await files.rm(staged, { recursive: true, force: true });
  }
  return { damage, directory: aside, bytes: await bytesUnder(files, aside), tail };
}

const TAIL = '.cut-off';

async function truncate({ files }: Operation, path: string, bytes: number): Promise<void> {
  const file = await files.open(path, 'r+');
  try {
    await file.truncate(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

const logDirectory = ({ dir, layout }: Operation, { manifest }: LogCut): string =>
  manifest === undefined ? dir : join(dir, layout.appenddirname);

/** Owned and to be used as the original. On disk when this returns. */
async function copyWhole(operation: Operation, cut: LogCut, to: string, signal?: AbortSignal): Promise<void> {
  const { files } = operation;
  const from = join(logDirectory(operation, cut), cut.damage.name);
  const { uid, gid, mode } = await files.stat(from);
  const owner: FileOwner = { uid, gid, fileMode: mode & 0o777, directoryMode: 0o700 };
  await copyPart(operation, { from, at: 0, bytes: cut.damage.wholeBytes, to, flags: 'wx' }, signal);
  await giveTo(files, owner, to);
}

interface Part {
  from: string;
  at: number;
  bytes: number;
  to: string;
  flags: 'wx' | 'w' | 'a';
}

/** On disk when this returns. */
async function copyPart({ files }: Operation, { from, at, bytes, to, flags }: Part, signal?: AbortSignal): Promise<void> {
  const source = await files.open(from, 'r');
  try {
    const target = await files.open(to, flags, 0o600);
    try {
      await copyBytes(source, target, at, bytes, signal);
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function copyBytes(
  source: FileHandle,
  target: FileHandle,
  from: number,
  bytes: number,
  signal?: AbortSignal,
): Promise<void> {
  const block = Buffer.allocUnsafeSlow(COPY_BYTES);
  for (let left = bytes; left > 0; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await source.read(block, 0, Math.min(left, block.length), from + bytes - left);
    if (bytesRead === 0) throw new Error('the log has become shorter while it was read');
    for (let at = 0; at < bytesRead; ) at += (await target.write(block.subarray(at, bytesRead))).bytesWritten;
    left -= bytesRead;
  }
}

/** Links: the originals are only renamed over and removed from here on, never written to. */
async function keep(operation: Operation, cut: LogCut): Promise<void> {
  const { files, aside, layout } = operation;
  const from = logDirectory(operation, cut);
  const to = cut.manifest === undefined ? aside : join(aside, layout.appenddirname);
  await files.mkdir(to, { recursive: true, mode: 0o700 });
  const kept = new Set(await namesIn(files, to));
  const names = cut.manifest === undefined ? [cut.damage.name] : await namesIn(files, from);
  for (const name of names) if (!kept.has(name)) await files.link(join(from, name), join(to, name));
  await syncDirectory(files, to);
  await syncDirectory(files, aside);
}

/** The manifest first: a log that ends with a damaged file is refused, one that goes on behind a cut one is wrong data. */
async function place(operation: Operation, cut: LogCut, copy: string): Promise<void> {
  const { files, layout } = operation;
  const directory = logDirectory(operation, cut);
  if (cut.manifest !== undefined && cut.followers.length > 0) {
    const name = `${layout.appendfilename}.manifest`;
    const { uid, gid, mode } = await files.stat(join(directory, name));
    await writeWhole(files, directory, name, cut.manifest);
    await giveTo(files, { uid, gid, fileMode: mode & 0o777, directoryMode: 0o700 }, join(directory, name));
    // Redis would append to a file that has the name of its next increment.
    for (const follower of cut.followers) await files.rm(join(directory, follower), { force: true });
  }
  if (await isThere(files, copy)) await files.rename(copy, join(directory, cut.damage.name));
  await syncDirectory(files, directory);
}
