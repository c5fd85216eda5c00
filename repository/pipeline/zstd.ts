import { on } from 'node:events';
import type { Readable, TransformOptions } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createZstdCompress, createZstdDecompress, type ZstdOptions, zstdDecompress } from 'node:zlib';
import type { RecoveryError } from '../../model/errors.ts';
import { inBlocks, type TakeBlock } from './blocks.ts';
import { release } from './release.ts';

const DEFAULT_LEVEL = 1;

export type Corrupt = (why: string, cause?: unknown) => RecoveryError;

const decompressAll = promisify(zstdDecompress);

/** Input of one job of the thread pool: a job costs some 50 µs of hand-over, whatever its size. */
const BLOCK_BYTES = 256 * 1024;
const OUTPUT_BYTES = 256 * 1024;
/** On both sides of the compressor, so that reading, compressing and uploading overlap. */
const AHEAD_BYTES = 1024 * 1024;
/** Of decompression, which is so quick that a smaller job would be little more than its hand-over. */
const UNPACK_BYTES = 1024 * 1024;
/** Of these, on both sides of the decompressor. */
const UNPACK_AHEAD = 2;

/**
 * Compresses into one zstd frame with a content checksum, in a thread of the pool.
 * Memory: about 5 MiB at level 1, whatever the size.
 * @param level - 1 to 19; 1 is best for RDBs: a larger hash table makes 6 % less of them, at 1.7 times the CPU
 */
export async function* compress(raw: AsyncIterable<Uint8Array>, level: number = DEFAULT_LEVEL): AsyncGenerator<Buffer> {
  const options: ZstdOptions & TransformOptions = {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
    chunkSize: OUTPUT_BYTES,
    readableHighWaterMark: AHEAD_BYTES,
    writableHighWaterMark: AHEAD_BYTES,
  };
  const zstd = createZstdCompress(options);
  const feeding = pipeline(raw, (source) => inBlocks(source, BLOCK_BYTES, usedAgain(zstd, BLOCK_BYTES)), zstd);
  feeding.catch(() => undefined); // the same error comes out of the read below
  yield* zstd;
  await feeding;
}

/**
 * Blocks of which all has gone into the compressor, by its own count of bytes. New ones for each would be garbage of the size
 * of the data, and V8 would look through the whole heap for every few of them.
 */
function usedAgain(zstd: { bytesWritten: number }, blockBytes: number): TakeBlock {
  const given: { block: Buffer; end: number }[] = [];
  let end = 0;
  return () => {
    const isFree = given[0] !== undefined && given[0].end <= zstd.bytesWritten;
    const block = (isFree ? given.shift()?.block : undefined) ?? Buffer.allocUnsafeSlow(blockBytes);
    end += blockBytes; // all but the last are full
    given.push({ block, end });
    return block;
  };
}

/**
 * Decompresses zstd frames and checks their content checksums.
 * Memory: the window of the frame (1 MiB as we write it; refused over 128 MiB) and about 8 MiB. What is given in is copied.
 * @param options.lends - each chunk is only good until the next one is asked for: its memory is then given back
 * @throws RecoveryError of `corrupt`
 */
export async function* decompress(
  stored: AsyncIterable<Uint8Array>,
  corrupt: Corrupt,
  { lends = false }: { lends?: boolean | undefined } = {},
): AsyncGenerator<Buffer> {
  const options: ZstdOptions & TransformOptions = {
    params: { [constants.ZSTD_d_windowLogMax]: 27 },
    chunkSize: UNPACK_BYTES,
    readableHighWaterMark: UNPACK_AHEAD * UNPACK_BYTES,
    writableHighWaterMark: UNPACK_AHEAD * UNPACK_BYTES,
  };
  const zstd = createZstdDecompress(options);
  const take = usedAgain(zstd, UNPACK_BYTES);
  const feeding = pipeline(stored, (source) => inBlocks(source, UNPACK_BYTES, take), zstd);
  feeding.catch(() => undefined);
  try {
    yield* lends ? lending(chunksOf(zstd)) : chunksOf(zstd);
    await feeding;
  } catch (error) {
    throw isZstd(error) ? undecodable(corrupt, error) : error;
  }
}

/** The same of a small frame in memory, in half the time. @throws RecoveryError of `corrupt`, also for more than `maxBytes` */
export async function decompressWhole(frame: Buffer, maxBytes: number, corrupt: Corrupt): Promise<Buffer> {
  try {
    return await decompressAll(frame, { maxOutputLength: maxBytes, chunkSize: OUTPUT_BYTES });
  } catch (cause) {
    throw undecodable(corrupt, cause as Error);
  }
}

/** One by one, as they were made: to iterate over the stream itself joins those that wait, which copies them. */
async function* chunksOf(zstd: Readable): AsyncGenerator<Buffer> {
  try {
    const events = on(zstd, 'data', { close: ['end'], highWaterMark: UNPACK_AHEAD, lowWaterMark: 1 });
    for await (const [chunk] of events as AsyncIterable<[Buffer]>) yield chunk;
  } finally {
    zstd.destroy();
  }
}

/**
 * Of one buffer come one or more chunks, in order: when the last of them has gone by, nothing writes or reads it any more. Left
 * to the garbage collector, buffers of the size of the data would make it look through the whole heap for every few of them.
 */
async function* lending(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    const { buffer, byteOffset, byteLength } = chunk;
    yield chunk;
    if (buffer.byteLength === UNPACK_BYTES && byteOffset + byteLength === UNPACK_BYTES) release(buffer);
  }
}

const isZstd = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && /^(ZSTD_|ERR_ZSTD|Z_BUF_ERROR)/.test(String(error.code));

const undecodable = (corrupt: Corrupt, cause: Error): RecoveryError => corrupt(`does not decompress: ${cause.message}`, cause);
