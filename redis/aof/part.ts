import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { findRdbEnd } from '../rdb/find-end.ts';
import { rdbVersionOf } from '../rdb/format.ts';
import { createRdbReader } from '../rdb/reader.ts';
import { AofScanner } from './scanner.ts';

/** One file of an append-only log, as it was read: an RDB, commands, or an RDB with commands behind it. */
export interface AofPart {
  path: string;
  bytes: number;
  /** Size of the RDB that it begins with; 0: none. */
  rdbBytes: number;
  /** Where the last whole command outside of a transaction ends. Less than `bytes`: it was cut short. */
  boundary: number;
}

export interface ReadPartOptions {
  signal?: AbortSignal;
  /** Bytes of this file read so far; they begin anew for the checksum of an RDB. */
  onProgress?: (bytes: number) => void;
}

/**
 * Reads a file of a log to its end: the checksum of its RDB, the framing of its commands. Values have no checksum in a log, so
 * a flipped byte in one is not seen, as Redis would not see it. Constant memory.
 * @param bytes - how much of it counts
 * @throws RecoveryError `RDB_MALFORMED`, `RDB_CHECKSUM_MISMATCH`, `LOG_MALFORMED` with the byte
 */
export async function readAofPart(path: string, bytes: number, options: ReadPartOptions = {}): Promise<AofPart> {
  const rdbBytes = (await beginsWithRdb(path)) ? await checkRdb(path, bytes, options) : 0;
  const scanner = new AofScanner(rdbBytes);
  for await (const chunk of readFilePart(path, rdbBytes, bytes, options)) {
    scanner.feed(chunk);
    if (scanner.broken !== undefined) throw logMalformed(path, `${scanner.broken}, at byte ${scanner.offset - 1}`);
  }
  return { path, bytes, rdbBytes, boundary: scanner.boundary };
}

/** Where a log of `bytes` bytes may be cut: see `AofPart.boundary`. */
export const aofBoundary = async (path: string, bytes: number, options?: ReadPartOptions): Promise<number> =>
  (await readAofPart(path, bytes, options)).boundary;

/**
 * The bytes from `start` up to `end`.
 * @throws RecoveryError `LOG_MALFORMED` if the file has become shorter: Redis cuts a damaged log in place, through links too
 */
export async function* readFilePart(
  path: string,
  start: number,
  end: number,
  options: ReadPartOptions = {},
): AsyncGenerator<Buffer> {
  if (end <= start) return;
  const { signal, onProgress } = options;
  let at = start;
  for await (const chunk of createReadStream(path, { start, end: end - 1, highWaterMark: 1 << 20, signal })) {
    at += chunk.length;
    onProgress?.(at);
    yield chunk;
  }
  if (at < end) throw logMalformed(path, `it ends at byte ${at}, and had ${end} bytes`);
}

export async function firstBytes(path: string, count: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

export const beginsWithRdb = async (path: string): Promise<boolean> => rdbVersionOf(await firstBytes(path, 9)) !== undefined;

async function checkRdb(path: string, bytes: number, options: ReadPartOptions): Promise<number> {
  const end = (await findRdbEnd(readFilePart(path, 0, bytes, options))) ?? bytes; // not found: the reader says why
  const reader = createRdbReader({ classes: [], takenAtMs: 0 });
  try {
    for await (const chunk of readFilePart(path, 0, Math.min(end, bytes), options)) reader.write(chunk);
    reader.end();
    return end;
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    throw new RecoveryError(error.code, `${path}: ${messageOf(error)}`, { next: NEXT, cause: error });
  }
}

const NEXT = 'Use another copy or an older backup; `redis-check-aof` shows what can be saved of this one.';

export const logMalformed = (path: string, why: string): RecoveryError =>
  new RecoveryError('LOG_MALFORMED', `${path} is damaged: ${why}`, { next: NEXT });
