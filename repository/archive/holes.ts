import type { SegmentHeader } from '../../model/archive/timeline.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatTime } from '../../model/format.ts';
import { type SegmentListing, segmentAt } from './listing.ts';
import { type ArchivePlace, isUnusable, readHeader } from './segments.ts';

/** Bytes of a timeline that are not in the archive. */
interface Hole {
  timelineId: string;
  from: number;
  to: number;
  /** The segment before it, if any. */
  previous?: SegmentHeader;
}

/** Says what is missing: offsets, and times as far as the segments around tell them. */
export async function refuseHole(place: ArchivePlace, listing: SegmentListing, hole: Hole): Promise<RecoveryError> {
  const { timelineId, from, to, previous } = hole;
  const next = segmentAt(listing, to);
  const after = next && (await timeOf(readHeader(place, next)));
  const begins = previous ? `, from ${formatTime(previous.lastAtMs, 'seconds')}` : '';
  const ends = after === undefined ? '' : ` until ${formatTime(after, 'seconds')}`;
  return new RecoveryError(
    'ARCHIVE_GAP',
    `the archive of ${place.instance} lacks the offsets ${from} to ${to} of timeline ${timelineId}${begins}${ends}`,
    { next: 'Choose a moment before or after it; nothing steps over it.' },
  );
}

/** For a message only: a header that can't be read leaves its time out. */
async function timeOf(reading: Promise<SegmentHeader>): Promise<number | undefined> {
  try {
    return (await reading).firstAtMs;
  } catch (error) {
    if (isUnusable(error)) return undefined;
    throw error;
  }
}
