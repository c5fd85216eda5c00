import { isBoundary } from './stream-state.ts';
import type { DestructiveCommand, SegmentHeader } from './timeline.ts';

/** A place in the archive where data may be cut: behind a whole command, and never inside a transaction. */
export interface Cut {
  timelineId: string;
  /** The state after the byte of this number. */
  offset: number;
  /** When that byte came, milliseconds since 1970. */
  atMs: number;
}

/** What a header must say to be cut by. */
type Cuttable = Pick<SegmentHeader, 'start' | 'end' | 'startState' | 'endState' | 'firstAtMs' | 'lastAtMs' | 'marks'>;

/**
 * The last cut of one segment whose byte had come by then: its marks, and its two ends where they are boundaries.
 * @returns undefined if the segment begins later, or has none so early: look into the segment before
 */
export function cutIn(header: Cuttable, atMs: number): Omit<Cut, 'timelineId'> | undefined {
  const { start, end, startState, endState, firstAtMs, lastAtMs, marks } = header;
  if (isBoundary(endState) && lastAtMs <= atMs) return { offset: end, atMs: lastAtMs };
  const mark = marks.findLast(([, markAtMs]) => markAtMs <= atMs);
  if (mark) return { offset: mark[0], atMs: mark[1] };
  return isBoundary(startState) && firstAtMs <= atMs ? { offset: start, atMs: firstAtMs } : undefined;
}

/**
 * The cut for a moment: the last boundary at or before it.
 * @param headers - of segments of one timeline, ascending; enough of them that one has a boundary before the moment
 */
export function cutAt(headers: readonly (Cuttable & Pick<SegmentHeader, 'timelineId'>)[], atMs: number): Cut | undefined {
  for (const header of headers.toReversed()) {
    const cut = cutIn(header, atMs);
    if (cut) return { timelineId: header.timelineId, ...cut };
  }
  return undefined;
}

/** The cut that has a destructive command undone: right before it, so that what came before at the same moment stays. */
export const cutBefore = (timelineId: string, { before, atMs }: DestructiveCommand): Cut => ({
  timelineId,
  offset: before,
  atMs,
});
