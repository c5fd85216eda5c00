import { beginningIn, joinedNeeds, type LogNeeds } from '../../model/archive/log-needs.ts';
import type { SegmentHeader } from '../../model/archive/timeline.ts';
import { inParallel } from '../parallel.ts';
import { listSegments, mergedView } from './listing.ts';
import { type ArchivePlace, isDamage, readHeader, timelineRef, unlessOvertaken } from './segments.ts';

export interface ReplayedRange {
  timelineId: string;
  from: number;
  to: number;
}

export interface NeedsInHeaders {
  /** Of the segments that lie in the ranges as a whole. */
  whole: LogNeeds;
  /** Of those that lie in them with a part: as much of them as does. What it asks for at most. */
  parts: (ReplayedRange & { atMost: LogNeeds })[];
}

const HEADERS_AT_ONCE = 32;

/**
 * What stretches of the log ask of the Redis that executes them, by the headers of their segments: a request each.
 * @returns undefined where one of them cannot be read
 */
export async function needsInHeaders(
  place: ArchivePlace,
  ranges: readonly ReplayedRange[],
  signal?: AbortSignal,
): Promise<NeedsInHeaders | undefined> {
  const found: NeedsInHeaders = { whole: joinedNeeds([]), parts: [] };
  try {
    for (const range of ranges) {
      const { whole, parts } = await unlessOvertaken(() => needsOfRange(place, range, signal));
      found.whole = joinedNeeds([found.whole, whole]);
      found.parts.push(...parts);
    }
  } catch (error) {
    if (isDamage(error)) return undefined; // whoever reads the log says so
    throw error;
  }
  return found;
}

async function needsOfRange(place: ArchivePlace, range: ReplayedRange, signal?: AbortSignal): Promise<NeedsInHeaders> {
  const { timelineId, from, to } = range;
  const view = mergedView(await listSegments(place.store, timelineRef(place, timelineId), signal));
  const first = view.findLastIndex(({ start }) => start <= from);
  const touched = view.filter(({ start }, index) => index >= first && start < to);
  const headers = await inParallel(touched, HEADERS_AT_ONCE, (segment) => readHeader(place, segment, signal));
  const inside = headers.filter(({ end }) => end > from);
  const isWhole = ({ start, end }: { start: number; end: number }): boolean => start >= from && end <= to;
  return {
    whole: joinedNeeds(inside.filter(isWhole).map(atMost)),
    parts: inside
      .filter((header) => !isWhole(header))
      .map((header) => ({
        timelineId,
        from: Math.max(from, header.start),
        to: Math.min(to, header.end),
        atMost: atMost(header),
      })),
  };
}

const atMost = ({ startState, needs }: SegmentHeader): LogNeeds => beginningIn(startState.db, needs);
