import { createHash } from 'node:crypto';
import type { RecoveryError } from '../model/errors.ts';
import { type Digest, digesting } from './pipeline/digest.ts';
import { compress, decompress, decompressWhole } from './pipeline/zstd.ts';

/**
 * What becomes of the content of an object on its way into the store, and back: it is compressed, then (not built yet)
 * encrypted, then counted and hashed. Snapshots, files of copied logs and segments of the archive all go this way; beside their
 * bytes they have a description with what `Encoded` says, and `encryption` once there is one (see readable.ts).
 */
export interface Encoded extends Digest {
  compression: 'zstd';
}

/** What the description of an object says of it. */
export interface Described {
  /** As it lies in the store. */
  stored: Digest;
  /** Of its content. */
  rawBytes: number;
  /** For messages: `the manifest`. */
  by: string;
  /** What is thrown for other bytes. @param why - goes on after the name of the object: `has 5 bytes, …` */
  corrupt(why: string, cause?: unknown): RecoveryError;
}

/** Up to here content is unpacked in one piece, in half the time that a stream takes. */
const ONE_PIECE_BYTES = 4 * 1024 * 1024;

/** Memory: about 5 MiB at level 1, whatever the size. @param level - of zstd, 1 to 19. Default 1 */
export async function* encode(
  raw: AsyncIterable<Uint8Array>,
  level: number | undefined,
  onEnd: (encoded: Encoded) => void,
): AsyncGenerator<Buffer> {
  yield* digesting(compress(raw, level), (digest) => onEnd({ ...digest, compression: 'zstd' }));
}

/** The same in memory, for an object whose description stands before its bytes. */
export async function encodeWhole(
  raw: AsyncIterable<Uint8Array>,
  level?: number,
): Promise<{ encoded: Encoded; frame: Buffer[] }> {
  const frame: Buffer[] = [];
  const ends: Encoded[] = [];
  for await (const part of encode(raw, level, (end) => void ends.push(end))) frame.push(part);
  const [encoded] = ends;
  if (!encoded) throw new Error('the content has no end');
  return { encoded, frame };
}

/**
 * The content of an object. Nothing of it may be used before its end: only there is it known to be the right one.
 * Memory: about 9 MiB, whatever the size. What is given in is copied.
 * @param options.lends - each chunk is only good until the next one is asked for: its memory is then given back
 * @throws RecoveryError of `described.corrupt`, after the last byte at the latest
 */
export async function* decode(
  stored: AsyncIterable<Uint8Array>,
  described: Described,
  options: { lends?: boolean | undefined } = {},
): AsyncGenerator<Buffer> {
  const verified = digesting(stored, (found) => requireStored(found, described));
  yield* ofSize(decompress(verified, described.corrupt, options), described);
}

/** Holds the stored bytes in memory, all of them and the right ones; nothing is unpacked before. */
export async function collectStored(stored: AsyncIterable<Uint8Array>, described: Described): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const hash = createHash('sha256');
  for await (const chunk of stored) {
    bytes += chunk.length;
    if (bytes > described.stored.bytes) break; // an object that grew must not fill the memory
    hash.update(chunk);
    chunks.push(asBuffer(chunk));
  }
  requireStored({ bytes, sha256: hash.digest('hex') }, described);
  return chunks;
}

/** The content of what `collectStored` has verified. */
export async function* decodeCollected(frame: Buffer[], described: Described): AsyncGenerator<Buffer> {
  const { rawBytes, corrupt } = described;
  if (rawBytes > ONE_PIECE_BYTES) return yield* ofSize(decompress(drained(frame), corrupt), described);
  const raw = await decompressWhole(frame.length === 1 && frame[0] ? frame[0] : Buffer.concat(frame), rawBytes, corrupt);
  if (raw.length !== rawBytes) throw wrongSize(raw.length > rawBytes, described);
  yield raw;
}

export const asBuffer = (chunk: Uint8Array): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);

function requireStored(found: Digest, { stored, by, corrupt }: Described): void {
  if (found.bytes !== stored.bytes) throw corrupt(`has ${found.bytes} bytes, ${by} says ${stored.bytes}`);
  if (found.sha256 !== stored.sha256) throw corrupt(`has the SHA-256 ${found.sha256}, ${by} says ${stored.sha256}`);
}

/** Refuses as soon as there are more bytes than wanted, or at the end if there are fewer. */
async function* ofSize(raw: AsyncIterable<Buffer>, described: Described): AsyncGenerator<Buffer> {
  let seen = 0;
  for await (const chunk of raw) {
    seen += chunk.length;
    if (seen > described.rawBytes) break;
    yield chunk;
  }
  if (seen !== described.rawBytes) throw wrongSize(seen > described.rawBytes, described);
}

const wrongSize = (isMore: boolean, { rawBytes, by, corrupt }: Described): RecoveryError =>
  corrupt(`unpacks to ${isMore ? 'more' : 'fewer'} than the ${rawBytes} bytes of ${by}`);

/** Gives each chunk away, so that it is free to be collected. */
async function* drained(chunks: Buffer[]): AsyncGenerator<Buffer> {
  chunks.reverse();
  for (let chunk = chunks.pop(); chunk; chunk = chunks.pop()) yield chunk;
}
