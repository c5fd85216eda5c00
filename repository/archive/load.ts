import type { SegmentHeader } from '../../model/archive/timeline.ts';
import { collectStored, decode, decodeCollected } from '../codec.ts';
import type { ArchiveSegment } from './listing.ts';
import { proven } from './prove.ts';
import { describedBy } from './segment-format.ts';
import { type ArchivePlace, onceMore, openFrame, urlOf } from './segments.ts';

/** A segment that has been fetched. `body` gives its raw bytes, once. */
export interface Loaded {
  header: SegmentHeader;
  /** Memory that it takes until it has been read. */
  heldBytes: number;
  /** @throws RecoveryError `ARCHIVE_CORRUPT` after the last byte at the latest: also for a header that the bytes contradict */
  body: () => AsyncGenerator<Buffer>;
}

/** A larger segment is not held in memory, and so not fetched again when a bit of it flips on the way. */
export const MOST_HELD_BYTES = 64 * 1024 * 1024;

/**
 * Fetches a segment into memory and verifies it; once more if it is damaged.
 * @throws RecoveryError `OBJECT_MISSING`, `ARCHIVE_CORRUPT`, `MANIFEST_VERSION_UNKNOWN`
 */
export function loadSegment(place: ArchivePlace, segment: ArchiveSegment, signal?: AbortSignal): Promise<Loaded> {
  return onceMore(urlOf(place, segment), () => load(place, segment, signal));
}

async function load(place: ArchivePlace, segment: ArchiveSegment, signal?: AbortSignal): Promise<Loaded> {
  const where = urlOf(place, segment);
  const { header, frame } = await openFrame(place, segment, signal);
  const body = (raw: AsyncGenerator<Buffer>) => proven(raw, header, where, place.prove);
  const described = describedBy(header, where);
  if (segment.sizeBytes > MOST_HELD_BYTES) return { header, heldBytes: 0, body: () => body(decode(frame, described)) };
  const held = await collectStored(frame, described);
  return { header, heldBytes: header.stored.bytes, body: () => body(decodeCollected(held, described)) };
}
