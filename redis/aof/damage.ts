import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DamageKind, LogDamage } from '../../model/recovery/log-damage.ts';
import { findRdbEnd } from '../rdb/find-end.ts';
import { parseAofManifest } from './manifest.ts';
import { beginsWithRdb, type ReadPartOptions, readFilePart } from './part.ts';
import { findWholeCommand } from './resync.ts';
import { AofScanner } from './scanner.ts';

/** Where a log lies: its directory and the prefix of its files, or the single file of Redis 6. */
export interface LogPlace {
  dir: string;
  appenddirname: string;
  appendfilename: string;
}

/** A file of a log. */
export interface LogFile {
  name: string;
  path: string;
  bytes: number;
}

/** The base of a multi-part log is one RDB, which may be as large as all data. */
export const isBaseRdb = (name: string): boolean => name.endsWith('.base.rdb');
const TIMES_BYTES = 1 << 20;

/**
 * Reads the commands of a log to their end, as a starting Redis would, and says where they stop to make sense. An RDB in front
 * of them is stepped over and not checked. Constant memory; changes nothing.
 * @returns `undefined` if all of it can be read
 * @throws RecoveryError `MANIFEST_INVALID`; the reason of the signal
 */
export async function findDamage(place: LogPlace, options: ReadPartOptions = {}): Promise<LogDamage | undefined> {
  const files = await logFiles(place);
  let before = 0;
  for (const [index, file] of files.entries()) {
    const found = await damageOf(file.path, file.bytes, options);
    if (found) return tell(file, found, before, files.slice(index + 1));
    before += file.bytes;
  }
  return undefined;
}

/** @param before - bytes of the files in front of it @param after - those that follow it */
async function tell(file: LogFile, found: Found, before: number, after: readonly LogFile[]): Promise<LogDamage> {
  const { name, path, bytes } = file;
  const { wholeBytes, kind, goesOnAt } = found;
  const followers = after.filter((one) => one.bytes > 0);
  const followed = followers.reduce((sum, one) => sum + one.bytes, 0);
  const last = followers.at(-1) ?? file;
  const begin = goesOnAt === undefined ? followers[0] && { name: followers[0].name, at: 0 } : { name, at: goesOnAt };
  const lastWriteAt = await lastTime(path, 0, wholeBytes);
  const lastBehind = begin && (await lastTime(last.path, last === file ? begin.at : 0, last.bytes));
  const behindBytes = followed + (goesOnAt === undefined ? 0 : bytes - goesOnAt);
  return {
    ...{ name, kind, wholeBytes, badBytes: bytes - wholeBytes + followed, usableBytes: before + wholeBytes },
    ...{ where: begin ? 'middle' : 'end', changedAt: (await stat(last.path)).mtime.toISOString() },
    ...(begin ? { behind: { ...begin, bytes: behindBytes, ...(lastBehind ? { lastWriteAt: lastBehind } : {}) } } : {}),
    ...(lastWriteAt === undefined ? {} : { lastWriteAt }),
  };
}

/** In the order in which Redis loads them. A file that is not there is left out: Redis itself says so. */
export async function logFiles({ dir, appenddirname, appendfilename }: LogPlace): Promise<LogFile[]> {
  const directory = join(dir, appenddirname);
  const manifest = await ifThere(readFile(join(directory, `${appendfilename}.manifest`), 'utf8'));
  const wanted =
    manifest === undefined
      ? [{ name: appendfilename, path: join(dir, appendfilename) }]
      : inOrder(manifest).map((name) => ({ name, path: join(directory, name) }));
  const found = await Promise.all(wanted.map(async (file) => ({ ...file, bytes: (await ifThere(stat(file.path)))?.size })));
  return found.flatMap(({ bytes, ...file }) => (bytes === undefined ? [] : [{ ...file, bytes }]));
}

function inOrder(manifest: string): string[] {
  const files = parseAofManifest(manifest);
  return (['base', 'incr'] as const).flatMap((wanted) => files.filter(({ type }) => type === wanted)).map(({ name }) => name);
}

export interface Found {
  wholeBytes: number;
  kind: DamageKind;
  /** Where whole commands stand behind it, in the same file. */
  goesOnAt?: number;
}

/** The same of one file, the first `bytes` of it. */
export async function damageOf(path: string, bytes: number, options: ReadPartOptions = {}): Promise<Found | undefined> {
  if (bytes === 0 || isBaseRdb(path)) return undefined;
  const start = (await beginsWithRdb(path)) ? await findRdbEnd(readFilePart(path, 0, bytes, options)) : 0;
  if (start === undefined) return undefined; // its RDB has no end: for whoever reads RDBs to say
  const scanner = new AofScanner(start);
  for await (const chunk of readFilePart(path, start, bytes, options)) {
    scanner.feed(chunk);
    if (scanner.broken !== undefined) break;
  }
  const { broken, boundary: wholeBytes, wholeTo, inTransaction } = scanner;
  if (broken === undefined && wholeBytes === bytes) return undefined;
  // A length that is wrong may reach to the end of the file: what it took for a value are the commands that follow.
  const brokenAt = broken === undefined ? bytes : scanner.offset - 1;
  const goesOnAt = await findWholeCommand(path, { from: wholeTo, brokenAt, end: bytes }, options);
  if (broken === undefined && goesOnAt === undefined)
    return { wholeBytes, kind: inTransaction ? 'open-transaction' : 'cut-command' };
  const upTo = goesOnAt ?? bytes;
  const isZeros = upTo > brokenAt && (await isAllZeros(readFilePart(path, brokenAt, upTo, options)));
  return { wholeBytes, kind: isZeros ? 'zeros' : 'garbage', ...(goesOnAt === undefined ? {} : { goesOnAt }) };
}

async function isAllZeros(bytes: AsyncIterable<Buffer>): Promise<boolean> {
  for await (const chunk of bytes) if (chunk.some((byte) => byte !== 0)) return false;
  return true;
}

/** Of the last `#TS:` line between `from` and `end`, as `aof-timestamp-enabled` writes them. */
async function lastTime(path: string, from: number, end: number): Promise<string | undefined> {
  let text = '';
  for await (const chunk of readFilePart(path, Math.max(from, end - TIMES_BYTES), end)) text += chunk.toString('latin1');
  const seconds = [...text.matchAll(/(?:^|\n)#TS:(\d{9,11})\r\n/g)].at(-1)?.[1];
  return seconds === undefined ? undefined : new Date(Number(seconds) * 1000).toISOString();
}

/** Undefined where the file that is looked at is not there. */
export async function ifThere<T>(looked: Promise<T>): Promise<T | undefined> {
  try {
    return await looked;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
