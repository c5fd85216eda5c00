import { type Arrivals, arrivalsIn, mostOf } from '../../model/archive/arrivals.ts';
import type { SegmentHeader, Timeline } from '../../model/archive/timeline.ts';
import { inParallel } from '../parallel.ts';
import { type ArchiveSegment, listSegments, mergedView } from './listing.ts';
import { type ArchivePlace, isUnusable, readHeader, timelineRef, unlessOvertaken } from './segments.ts';
import { listTimelines } from './timelines.ts';

const HEADERS_AT_ONCE = 32;

/**
 * What came at once since a moment, and what waited before it came, by the headers of all timelines: a request each, of which
 * a few are held at a time. What cannot be read is left out: whoever reads the log says so.
 */
export async function readArrivals(place: ArchivePlace, sinceMs: number, signal?: AbortSignal): Promise<Arrivals> {
  const { timelines } = await listTimelines(place);
  const all: Arrivals[] = [];
  for (const timeline of timelines) all.push(await unlessOvertaken(() => arrivalsOf(place, timeline, sinceMs, signal)));
  return mostOf(all);
}

async function arrivalsOf(place: ArchivePlace, timeline: Timeline, sinceMs: number, signal?: AbortSignal): Promise<Arrivals> {
  const view = mergedView(await listSegments(place.store, timelineRef(place, timeline.timelineId), signal));
  const newer = view.findIndex(({ modifiedAtMs }) => modifiedAtMs >= sinceMs);
  if (newer < 0) return {};
  let [found, before]: [Arrivals, SegmentHeader | undefined] = [{}, undefined];
  for (let at = Math.max(0, newer - 1); at < view.length; at += HEADERS_AT_ONCE) {
    const some = view.slice(at, at + HEADERS_AT_ONCE);
    for (const header of await inParallel(some, HEADERS_AT_ONCE, (segment) => headerOf(place, segment, signal))) {
      if (header && header.lastAtMs >= sinceMs) found = mostOf([found, arrivalsIn(header, before, timeline)]);
      before = header;
    }
  }
  return found;
}

async function headerOf(place: ArchivePlace, segment: ArchiveSegment, signal?: AbortSignal): Promise<SegmentHeader | undefined> {
  try {
    return await readHeader(place, segment, signal);
  } catch (error) {
    if (!isUnusable(error)) throw error;
    return undefined;
  }
}
