import { hasCode, type RecoveryError } from '../../model/errors.ts';
import { inParallel } from '../parallel.ts';
import { type ArchiveSegment, listSegments } from './listing.ts';
import { archiveCorrupt } from './schema.ts';
import { type ArchivePlace, isUnusable, onceMore, openSegment, readHeader, timelineRef, urlOf } from './segments.ts';

const AT_ONCE = 8;

/**
 * Deletes the segments whose bytes a compacted one has, of this compaction or of one that died; the oldest first. The
 * compacted one is read back as a whole before. What reaches further than it, or can't be read, is left alone.
 */
export async function removeRedundant(
  place: ArchivePlace,
  timelineId: string,
  result: { removed: string[]; problems: RecoveryError[] },
  signal?: AbortSignal,
): Promise<void> {
  const listing = await listSegments(place.store, timelineRef(place, timelineId), signal);
  for (const compacted of listing.compacted) {
    const inside = [...listing.raw, ...listing.compacted].filter((one) => isInside(one, compacted));
    if (inside.length === 0 || !(await isWhole(place, compacted, result.problems, signal))) continue;
    const ends = await inParallel(inside, AT_ONCE, (segment) => endOf(place, segment, signal));
    const redundant = inside.filter((_, i) => (ends[i] ?? Number.POSITIVE_INFINITY) <= (compacted.end ?? 0));
    for (const { key } of redundant) {
      signal?.throwIfAborted();
      await place.store.delete(key);
      result.removed.push(key);
    }
  }
}

const isInside = (segment: ArchiveSegment, compacted: ArchiveSegment): boolean =>
  segment !== compacted &&
  compacted.start <= segment.start &&
  segment.start < (compacted.end ?? 0) &&
  (segment.end ?? 0) <= (compacted.end ?? 0);

async function isWhole(
  place: ArchivePlace,
  compacted: ArchiveSegment,
  problems: RecoveryError[],
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await onceMore(urlOf(place, compacted), async () => {
      const { body } = await openSegment(place, compacted, signal);
      for await (const _ of body); // to its end: only there it is known to be the right one
    });
    return true;
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return false; // inside a larger one, which another compaction has finished
    if (!isUnusable(error)) throw error;
    problems.push(!hasCode(error, 'OBJECT_CORRUPT') ? error : archiveCorrupt(urlOf(place, compacted), 'is damaged', error));
    return false;
  }
}

/** Undefined: it can't be read, or is gone already. */
async function endOf(place: ArchivePlace, segment: ArchiveSegment, signal?: AbortSignal): Promise<number | undefined> {
  try {
    return (await readHeader(place, segment, signal)).end;
  } catch (error) {
    if (!isUnusable(error) && !hasCode(error, 'OBJECT_MISSING')) throw error;
    return undefined;
  }
}
