import { goesOnFrom, type LateArrival, type SegmentHeader, type Timeline } from './timeline.ts';

/** How the log came: what Redis has to hold for whoever follows it. */
export interface Arrivals {
  /** The most that came at once: a command, or a transaction. */
  largest?: { bytes: number; atMs: number };
  /** The longest that Redis waited for a follower that had its line: it was held up, or took a base. */
  pause?: { ms: number; atMs: number };
}

/** @param before - the segment before it in its timeline, where it is known */
export function arrivalsIn(header: SegmentHeader, before: SegmentHeader | undefined, timeline: Timeline): Arrivals {
  const { largestCommandBytes: bytes, lastAtMs, late } = header;
  const pauses = late
    .filter((one) => one.sinceMs !== endBefore(one, header, before, timeline))
    .map(({ sinceMs, atMs }) => ({ pause: { ms: atMs - sinceMs, atMs } }));
  return mostOf([{ largest: { bytes, atMs: lastAtMs } }, ...pauses]);
}

/** When the last byte before it came: what waited from then on waited for nobody, in the backlog. */
function endBefore(
  { from }: LateArrival,
  { marks, start }: SegmentHeader,
  before: SegmentHeader | undefined,
  timeline: Timeline,
): number | undefined {
  const mark = marks.findLast(([offset]) => offset <= from && offset > start);
  if (mark) return mark[1];
  if (before) return before.lastAtMs;
  const parent = goesOnFrom(timeline);
  return parent && start === timeline.first ? Date.parse(parent.endedAt) : undefined;
}

/** The largest and the longest of all. */
export function mostOf(all: readonly Arrivals[]): Arrivals {
  const found: Arrivals = {};
  for (const { largest, pause } of all) {
    if (largest && largest.bytes > (found.largest?.bytes ?? 0)) found.largest = largest;
    if (pause && pause.ms > (found.pause?.ms ?? 0)) found.pause = pause;
  }
  return found;
}
