import type { ArchiveExtent, Stretch } from '../../model/archive-chain.ts';
import type { RecoveryError } from '../../model/errors.ts';
import type { Timeline } from '../../model/timeline.ts';
import { inParallel } from '../parallel.ts';
import { hasCode } from '../small-objects.ts';
import { listSegments, mergedView } from './listing.ts';
import { findPosition } from './position.ts';
import { type ArchivePlace, readHeader, timelineRef, unlessOvertaken } from './segments.ts';
import { listTimelines, type TimelineProblem } from './timelines.ts';

const TIMELINES_AT_ONCE = 4;

/**
 * What the archive has of each timeline: its first header, its last, and what is between by listings. A hole that outside
 * damage made between them is not seen here; openRange refuses it.
 * A timeline without a segment has a stretch of no bytes: others may go on from it.
 * Timelines that can't be read are in `problems`: nothing is known of them, so nothing of them may be deleted.
 */
export async function readExtents(
  place: ArchivePlace,
  signal?: AbortSignal,
): Promise<{ extents: ArchiveExtent[]; problems: TimelineProblem[] }> {
  const { timelines, problems } = await listTimelines(place);
  const found = await inParallel(timelines, TIMELINES_AT_ONCE, async (timeline) => {
    try {
      return await unlessOvertaken(() => extentOf(place, timeline, signal));
    } catch (error) {
      if (!hasCode(error, 'ARCHIVE_CORRUPT', 'MANIFEST_VERSION_UNKNOWN')) throw error;
      problems.push({ timelineId: timeline.timelineId, error: error as RecoveryError });
      return undefined;
    }
  });
  return { extents: found.filter((extent) => extent !== undefined), problems };
}

async function extentOf(place: ArchivePlace, timeline: Timeline, signal?: AbortSignal): Promise<ArchiveExtent> {
  const position = await findPosition(place, timeline.timelineId, { signal });
  const { from, end, lastAtMs, boundary } = position;
  const [oldest] = mergedView(await listSegments(place.store, timelineRef(place, timeline.timelineId), signal));
  const { firstAtMs } = oldest ? await readHeader(place, oldest, signal) : position;
  const stretch: Stretch = { from, end, firstAtMs, lastAtMs, boundary };
  return { timeline, stretches: [stretch] };
}
