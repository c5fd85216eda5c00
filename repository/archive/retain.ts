import { type ArchiveRetentionPlan, type Base, planArchiveRetention } from '../../model/archive/retention.ts';
import { compactedPrefix, timelineKey, timelinePrefix } from '../layout.ts';
import { readExtents } from './extents.ts';
import { type ArchiveSegment, listSegments, mergedView, nextRaw, type SegmentListing } from './listing.ts';
import { type ArchivePlace, timelineRef } from './segments.ts';
import type { TimelineProblem } from './timelines.ts';

export interface RetainOptions {
  /** Name what would go, and leave it. */
  dryRun?: boolean;
  /** Milliseconds since 1970. Default: by the clock of this machine. */
  nowMs?: number;
}

export interface RetainedArchive {
  plan: ArchiveRetentionPlan;
  /** What went, or would go. */
  removed: { key: string; sizeBytes: number }[];
  /** Timelines that can't be read. Nothing of them was touched. */
  problems: TimelineProblem[];
}

/**
 * Deletes the log that no kept snapshot needs. Safe to repeat, to kill anywhere, and beside an archiver: the oldest goes
 * first, so what is left is always the same archive beginning later.
 * @param kept - all snapshots that stay, the pinned ones too: with an empty list all old timelines go
 */
export async function retainArchive(
  place: ArchivePlace,
  kept: readonly Base[],
  { dryRun = false, nowMs = Date.now() }: RetainOptions = {},
): Promise<RetainedArchive> {
  const { extents, problems } = await readExtents(place);
  const plan = planArchiveRetention(extents, kept, { nowMs });
  const removed: RetainedArchive['removed'] = [];
  const remove = async ({ key, sizeBytes }: { key: string; sizeBytes: number }): Promise<void> => {
    if (!dryRun) await place.store.delete(key);
    removed.push({ key, sizeBytes });
  };
  for (const { timelineId, from } of plan.keep) {
    const listing = await listSegments(place.store, timelineRef(place, timelineId));
    for (const segment of segmentsBefore(listing, from)) await remove(segment);
  }
  for (const { timelineId } of plan.remove) {
    for (const object of await wholeTimeline(place, timelineId)) await remove(object);
  }
  return { plan, removed, problems };
}

/**
 * Segments that end at or before an offset, the oldest first. A raw one ends where the next begins. The last one stays: it
 * says where the timeline ends, which is where another may go on.
 */
function segmentsBefore(listing: SegmentListing, offset: number): ArchiveSegment[] {
  const ends = (segment: ArchiveSegment): number =>
    segment.end ?? nextRaw(listing, segment.start)?.start ?? Number.POSITIVE_INFINITY;
  const last = mergedView(listing).at(-1);
  return [...listing.raw, ...listing.compacted]
    .filter((segment) => ends(segment) <= offset && segment.key !== last?.key)
    .sort((a, b) => a.start - b.start || ends(a) - ends(b));
}

/** Its `timeline.json` last: segments without one could not be told from damage. */
async function wholeTimeline(
  { store, ...place }: ArchivePlace,
  timelineId: string,
): Promise<{ key: string; sizeBytes: number }[]> {
  const ref = timelineRef({ store, ...place }, timelineId);
  const objects: { key: string; sizeBytes: number }[] = [];
  for (const prefix of [compactedPrefix(ref), timelinePrefix(ref)]) {
    for await (const { key, sizeBytes } of store.list(prefix)) objects.push({ key, sizeBytes });
  }
  const own = timelineKey(ref);
  return [...objects.filter(({ key }) => key !== own), ...objects.filter(({ key }) => key === own)];
}
