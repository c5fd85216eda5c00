import { crc32 } from 'node:zlib';
import type { SegmentHeader } from '../../model/archive/timeline.ts';
import { RecoveryError } from '../../model/errors.ts';
import { asBuffer, type Described, encodeWhole } from '../codec.ts';
import type { TimelineRef } from '../layout.ts';
import { archiveCorrupt, parseSegmentHeader, type SegmentName } from './schema.ts';

/** A header without what only storing tells. */
export type NewSegment = Omit<SegmentHeader, 'stored'>;

/** The first of zstd's magic numbers for a frame that every decompressor skips. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** Magic number and length of the header. */
const PREAMBLE_BYTES = 8;
/** A header with more marks than days have seconds is none: larger ones are not read into memory. */
const LARGEST_HEADER_BYTES = 4 * 1024 * 1024;

/**
 * A segment as it is stored: the header in a skippable frame, then one zstd frame with a content checksum.
 * Memory: the compressed bytes, beside the pieces.
 * @param pieces - the raw bytes from `start` to `end`
 */
export async function encodeSegment(
  segment: NewSegment,
  pieces: readonly Uint8Array[],
  ref: TimelineRef,
  level = 1,
): Promise<{ header: SegmentHeader; body: Buffer[] }> {
  const rawBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  if (rawBytes !== segment.end - segment.start) {
    throw internal(`a segment from ${segment.start} to ${segment.end} was given ${rawBytes} bytes`);
  }
  // Piece by piece: joined first, they would be there twice, and so much garbage more keeps the collector running.
  const { encoded, frame } = await encodeWhole(each(pieces), level);
  const header: SegmentHeader = { ...segment, stored: encoded };
  return { header, body: [encodeHeader(header, ref), ...frame] };
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** The skippable frame. Refuses to make what could not be read again. */
export function encodeHeader(header: SegmentHeader, ref: TimelineRef): Buffer {
  const checked = parseSegmentHeader(JSON.stringify(header), ref, { start: header.start }, 'the segment to be stored');
  const text = withChecksum(JSON.stringify(checked));
  const bytes = Buffer.byteLength(text);
  if (bytes > LARGEST_HEADER_BYTES) throw internal(`the header of a segment has ${bytes} bytes`);
  const frame = Buffer.alloc(PREAMBLE_BYTES + bytes);
  frame.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  frame.writeUInt32LE(bytes, 4);
  frame.write(text, PREAMBLE_BYTES);
  return frame;
}

/**
 * How many bytes the header takes, its preamble included.
 * @throws RecoveryError `ARCHIVE_CORRUPT`
 */
export function headerBytes(preamble: Buffer, where: string): number {
  if (preamble.length < PREAMBLE_BYTES) throw archiveCorrupt(where, `ends after ${preamble.length} bytes`);
  if (preamble.readUInt32LE(0) !== SKIPPABLE_MAGIC) throw archiveCorrupt(where, 'does not begin as a segment does');
  const bytes = preamble.readUInt32LE(4);
  if (bytes > LARGEST_HEADER_BYTES) throw archiveCorrupt(where, `claims a header of ${bytes} bytes`);
  return PREAMBLE_BYTES + bytes;
}

/** @param frame - the whole skippable frame, or what there is of it */
export function decodeHeader(frame: Buffer, ref: TimelineRef, name: SegmentName, where: string): SegmentHeader {
  const bytes = headerBytes(frame, where);
  if (frame.length < bytes) throw archiveCorrupt(where, `ends in its header, after ${frame.length} bytes`);
  const text = frame.toString('utf8', PREAMBLE_BYTES, bytes);
  const json = withoutChecksum(text, where);
  const header = parseSegmentHeader(json ?? text, ref, name, where);
  if (json === undefined) throw archiveCorrupt(where, 'has a header without a checksum'); // after its version: later ones may have none
  return header;
}

/** The last field of a header. A flipped bit in it could name another database or another moment, and still be read. */
const CHECKSUM = /,"crc32":"([0-9a-f]{8})"\}$/;
const checksumOf = (json: string): string => crc32(json).toString(16).padStart(8, '0');
const withChecksum = (json: string): string => `${json.slice(0, -1)},"crc32":"${checksumOf(json)}"}`;

/** What the checksum is of: the header without that field. Undefined if it has none. */
function withoutChecksum(text: string, where: string): string | undefined {
  const checksum = CHECKSUM.exec(text);
  if (!checksum) return undefined;
  const json = `${text.slice(0, checksum.index)}}`;
  if (checksumOf(json) !== checksum[1]) throw archiveCorrupt(where, 'has a header with another checksum than it says');
  return json;
}

/**
 * Takes an object apart as it comes: the header, and the zstd frame behind it, which is not verified yet.
 * Whoever does not want the frame calls its `return()`: that lets go of the object.
 */
export async function splitSegment(
  object: AsyncIterable<Uint8Array>,
  ref: TimelineRef,
  name: SegmentName,
  where: string,
): Promise<{ header: SegmentHeader; frame: AsyncIterableIterator<Uint8Array> }> {
  const chunks = object[Symbol.asyncIterator]();
  try {
    let head: Buffer = Buffer.alloc(0);
    for (let wanted = PREAMBLE_BYTES; head.length < wanted; ) {
      const { done, value } = await chunks.next();
      if (done) break;
      head = head.length === 0 ? asBuffer(value) : Buffer.concat([head, value]);
      if (head.length >= PREAMBLE_BYTES) wanted = headerBytes(head, where);
    }
    const header = decodeHeader(head, ref, name, where);
    return { header, frame: rest(head.subarray(headerBytes(head, where)), chunks) };
  } catch (error) {
    await chunks.return?.();
    throw error;
  }
}

/** An iterator and not a generator: a generator that was never begun would not let go of the object. */
function rest(first: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  let pending: Uint8Array | undefined = first.length > 0 ? first : undefined;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (!pending) return chunks.next();
      const value = pending;
      pending = undefined;
      return { done: false, value };
    },
    async return() {
      pending = undefined;
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
}

/** What its header says of the frame behind it. */
export const describedBy = ({ stored, start, end }: SegmentHeader, where: string): Described => ({
  stored,
  rawBytes: end - start,
  by: 'its header',
  corrupt: (why, cause) => archiveCorrupt(where, why, cause),
});

const internal = (message: string): RecoveryError => new RecoveryError('INTERNAL', message, { next: 'Report this.' });
