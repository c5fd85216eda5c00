import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataLayout } from '../platform.ts';
import type { MovedAside } from './aside.ts';
import { bytesUnder, type FileSystem, isDiskFull, lstatIfThere, namesIn, syncDirectory } from './files.ts';
import { readJournal, writeJournal } from './journal.ts';
import { type DataDirectoryOptions, inOperation, type Operation } from './operation.ts';
import { survey } from './survey.ts';

export interface CopyAsideOptions extends DataDirectoryOptions {
  /** How much may be really copied before service comes first. Default 1 GB, 5 s. */
  mostBytes?: number;
  mostMs?: number;
}

export interface CopiedAside extends MovedAside {
  /** Increments that are links only, because a copy would have taken too long or too much room: Redis may still cut them. */
  linked: string[];
}

const GB = 1024 ** 3;
const COPY_BYTES = 1024 * 1024;

/**
 * Keeps what lies in the data directory, and leaves it there: Redis may run. Base files and dump.rdb are linked, because Redis
 * replaces them and never changes them. Increments are really copied, because a starting Redis cuts them where they lie; within
 * the budget all of them, else the last. They stand in `<operation id>-copy/aside/`, kept like what is set aside.
 * A retry begins again, and changes nothing once it is whole.
 */
export const copyAside = (layout: DataLayout, operationId: string, options: CopyAsideOptions = {}): Promise<CopiedAside> =>
  inOperation(layout, `${operationId}-copy`, options, async (operation) => {
    const { files, dir, aside, home, id } = operation;
    const originals = await survey(files, dir, layout);
    const known = await readJournal(files, home);
    const names = (known?.originals ?? originals).filter(({ kind }) => kind !== 'absent').map(({ name }) => name);
    if (known) return { names, bytes: await bytesUnder(files, aside), directory: aside, linked: [] };
    await files.rm(aside, { recursive: true, force: true });
    await files.mkdir(aside, { recursive: true, mode: 0o700 });
    const linked = await copyAll(operation, options);
    await syncDirectory(files, aside);
    await writeJournal(operation, { formatVersion: 1, operationId: id, phase: 'set-aside', updatedAtMs: 0, originals });
    return { names, bytes: await bytesUnder(files, aside), directory: aside, linked };
  });

async function copyAll(operation: Operation, { mostBytes = GB, mostMs = 5000 }: CopyAsideOptions): Promise<string[]> {
  const { files, dir, aside, layout } = operation;
  const growing: { from: string; to: string; bytes: number }[] = [];
  const take = async (from: string, to: string, mayBeCut: boolean) => {
    const stats = await lstatIfThere(files, from);
    if (!stats?.isFile()) return;
    if (mayBeCut) growing.push({ from, to, bytes: stats.size });
    else await link(files, from, to);
  };
  await take(join(dir, layout.dbfilename), join(aside, layout.dbfilename), false);
  await take(join(dir, layout.appendfilename), join(aside, layout.appendfilename), true);
  const log = join(dir, layout.appenddirname);
  if ((await lstatIfThere(files, log))?.isDirectory()) {
    await files.mkdir(join(aside, layout.appenddirname), { mode: 0o700 });
    for (const name of bySeq(await namesIn(files, log)))
      await take(join(log, name), join(aside, layout.appenddirname, name), !/\.base\.(rdb|aof)$/.test(name));
  }
  return copyWithin(files, growing, mostBytes, performance.now() + mostMs);
}

/** Increments in the order of their numbers: `….9.incr.aof` is older than `….10.incr.aof`. */
const bySeq = (names: readonly string[]): string[] => names.toSorted((one, other) => seqOf(one) - seqOf(other));
const seqOf = (name: string): number => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1] ?? 0);

/** Newest first: the last increment is the one that a crash has cut, and that Redis will cut. */
async function copyWithin(
  files: FileSystem,
  growing: readonly { from: string; to: string; bytes: number }[],
  mostBytes: number,
  deadline: number,
): Promise<string[]> {
  const all = growing.reduce((sum, { bytes }) => sum + bytes, 0) <= mostBytes;
  const linked: string[] = [];
  for (const [index, { from, to, bytes }] of growing.toReversed().entries()) {
    const wanted = all || (index === 0 && bytes <= mostBytes);
    if (wanted && (await copied(files, from, to, deadline))) continue;
    await link(files, from, to);
    linked.push(from);
  }
  return linked;
}

/** False, and nothing is left, when there is neither time nor room for it. Where the file system shares blocks it takes neither. */
async function copied(files: FileSystem, from: string, to: string, deadline: number): Promise<boolean> {
  const shared = await files.copyFile(from, to, constants.COPYFILE_FICLONE_FORCE).then(
    () => true,
    () => false, // most can't: the bytes are copied
  );
  if (shared) return true;
  try {
    if (await copyBytes(files, from, to, deadline)) return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
  await files.rm(to, { force: true });
  return false;
}

/** False when it was cut short by the deadline. */
async function copyBytes(files: FileSystem, from: string, to: string, deadline: number): Promise<boolean> {
  const source = await files.open(from, 'r');
  try {
    const target = await files.open(to, 'w', 0o600);
    try {
      return await copyInto(target, source, deadline);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function copyInto(target: FileHandle, source: FileHandle, deadline: number): Promise<boolean> {
  const block = Buffer.allocUnsafeSlow(COPY_BYTES);
  for (;;) {
    const { bytesRead } = await source.read(block, 0, block.length, null);
    if (bytesRead === 0) break;
    for (let at = 0; at < bytesRead; ) at += (await target.write(block.subarray(at, bytesRead))).bytesWritten;
    if (performance.now() > deadline) return false;
  }
  await target.sync();
  return true;
}

async function link(files: FileSystem, from: string, to: string): Promise<void> {
  await files.rm(to, { force: true }); // of an attempt to share its blocks
  try {
    await files.link(from, to);
  } catch (error) {
    // Redis has replaced it since it was listed.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
