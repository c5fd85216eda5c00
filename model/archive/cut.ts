import { isBoundary } from './stream-state.ts';
import type { LateArrival, SegmentHeader } from './timeline.ts';

/** A place in the archive where data may be cut: behind a whole command, and never inside a transaction. */
export interface Cut {
  timelineId: string;
  /** The state after the byte of this number. */
  offset: number;
  /** When that byte came, milliseconds since 1970. */
  atMs: number;
  /** What came behind it and may have been written before the moment that was asked for. */
  late?: LateArrival[];
}

/** What a header must say to be cut by. */
type Cuttable = Pick<SegmentHeader, 'start' | 'end' | 'startState' | 'endState' | 'firstAtMs' | 'lastAtMs' | 'marks'>;

/**
 * The last cut of one segment whose byte had come by then: its marks, and its two ends where they are boundaries.
 * @returns undefined if the segment begins later, or has none so early: look into the segment before
 */
export function cutIn(header: Cuttable, atMs: number): Pick<Cut, 'offset' | 'atMs'> | undefined {
  const { start, end, startState, endState, firstAtMs, lastAtMs, marks } = header;
  if (isBoundary(endState) && lastAtMs <= atMs) return { offset: end, atMs: lastAtMs };
  const mark = marks.findLast(([, markAtMs]) => markAtMs <= atMs);
  if (mark) return { offset: mark[0], atMs: mark[1] };
  return isBoundary(startState) && firstAtMs <= atMs ? { offset: start, atMs: firstAtMs } : undefined;
}
