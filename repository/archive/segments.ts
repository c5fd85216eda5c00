import type { SegmentHeader } from '../../model/archive/timeline.ts';
import { hasCode, messageOf, type RecoveryError } from '../../model/errors.ts';
import { decode } from '../codec.ts';
import type { TimelineRef } from '../layout.ts';
import { isOfNewer } from '../readable.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { ArchiveSegment } from './listing.ts';
import type { ProveSegment } from './prove.ts';
import { archiveCorrupt } from './schema.ts';
import { decodeHeader, describedBy, headerBytes, splitSegment } from './segment-format.ts';

/** The archive of one shard. */
export interface ArchivePlace {
  store: ObjectStore;
  instance: string;
  shard: string;
  prove?: ProveSegment | undefined;
}

/** A segment that is being read. */
export interface OpenSegment {
  header: SegmentHeader;
  /** The raw bytes. Nothing of them may be used before the end: only there are they known to be the right ones. */
  body: AsyncGenerator<Buffer>;
}

/** What one request gets of an object when only its header is wanted: headers are mostly under 2 kB. */
const FIRST_BYTES = 16 * 1024;

export const timelineRef = ({ instance, shard }: ArchivePlace, timelineId: string): TimelineRef => ({
  instance,
  shard,
  timelineId,
});

/**
 * Reads the beginning of a segment, whatever its size.
 * @throws RecoveryError `OBJECT_MISSING`, `ARCHIVE_CORRUPT`, `MANIFEST_VERSION_UNKNOWN`
 */
export function readHeader(place: ArchivePlace, segment: ArchiveSegment, signal?: AbortSignal): Promise<SegmentHeader> {
  return onceMore(urlOf(place, segment), () => readBegin(place, segment, signal));
}

async function readBegin(place: ArchivePlace, segment: ArchiveSegment, signal?: AbortSignal): Promise<SegmentHeader> {
  const where = urlOf(place, segment);
  const read = async (offset: number, length: number): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await place.store.get(segment.key, { offset, length, signal })) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const begin = await read(0, FIRST_BYTES);
  const bytes = headerBytes(begin, where);
  const rest = bytes > begin.length && begin.length === FIRST_BYTES ? await read(FIRST_BYTES, bytes - FIRST_BYTES) : undefined;
  const frame = rest ? Buffer.concat([begin, rest]) : begin;
  const header = decodeHeader(frame, timelineRef(place, segment.timelineId), segment, where);
  const { bytes: stored } = header.stored;
  if (segment.sizeBytes !== bytes + stored) {
    throw archiveCorrupt(where, `has ${segment.sizeBytes} bytes, ${bytes + stored} by its header`);
  }
  return header;
}

/** The header and the frame of a segment, in one request. Nothing of the frame is verified yet. */
export async function openFrame(
  place: ArchivePlace,
  segment: ArchiveSegment,
  signal?: AbortSignal,
): Promise<{ header: SegmentHeader; frame: AsyncIterableIterator<Uint8Array> }> {
  const object = await place.store.get(segment.key, { signal });
  return splitSegment(object, timelineRef(place, segment.timelineId), segment, urlOf(place, segment));
}

/** @throws RecoveryError `OBJECT_MISSING`, `MANIFEST_VERSION_UNKNOWN`, `ARCHIVE_CORRUPT` from the body at the latest */
export async function openSegment(place: ArchivePlace, segment: ArchiveSegment, signal?: AbortSignal): Promise<OpenSegment> {
  const { header, frame } = await openFrame(place, segment, signal);
  return { header, body: decode(frame, describedBy(header, urlOf(place, segment))) };
}

export const urlOf = ({ store }: ArchivePlace, { key }: { key: string }): string => `${store.url}/${key}`;

/** Bytes that are not the right ones, however that was noticed: here, or by the store's own checksum. */
export const isDamage = (error: unknown): error is RecoveryError => hasCode(error, 'ARCHIVE_CORRUPT', 'OBJECT_CORRUPT');

/** Those, and what only a newer version can read: of no use to us, and left alone. */
export const isUnusable = (error: unknown): error is RecoveryError => isDamage(error) || isOfNewer(error);

/**
 * Fetches once more what is damaged: a bit that flipped on the way is no damage in the store.
 * @throws RecoveryError `ARCHIVE_CORRUPT` for damage that comes twice: trying again for hours would not mend it
 */
export async function onceMore<T>(where: string, fetch: () => Promise<T>): Promise<T> {
  try {
    return await fetch();
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  try {
    return await fetch();
  } catch (error) {
    throw isDamage(error) ? archiveCorrupt(where, `is damaged: ${messageOf(error).replace(`${where} `, 'it ')}`, error) : error;
  }
}

const MOST_LOOKS = 5;

/** Looks again when a segment that was listed is gone: a compaction or retention has overtaken us. */
export async function unlessOvertaken<T>(look: () => Promise<T>): Promise<T> {
  for (let looks = 1; ; looks++) {
    try {
      return await look();
    } catch (error) {
      if (!hasCode(error, 'OBJECT_MISSING') || looks >= MOST_LOOKS) throw error;
    }
  }
}
