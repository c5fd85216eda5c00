import type { Stretch } from './chain.ts';
import type { LateArrival } from './timeline.ts';

/** From one moment to another, both within it, what a restore to a moment brings back is not what stood there then, for sure. */
export interface UncertainTime {
  fromMs: number;
  toMs: number;
  /** `late`: what was written then came later, and is left out. `clock`: what is dated so may be of another time. */
  why: 'late' | 'clock';
}

export const liesIn = (atMs: number, { fromMs, toMs }: Pick<UncertainTime, 'fromMs' | 'toMs'>): boolean =>
  fromMs <= atMs && atMs <= toMs;

/** It may have been written at any time of its wait; with its last byte, it is there. */
export const uncertainByLate = ({ sinceMs, atMs }: Pick<LateArrival, 'sinceMs' | 'atMs'>): UncertainTime => ({
  ...{ fromMs: sinceMs, toMs: atMs - 1, why: 'late' },
});

/** Of a stretch whose clock was ahead: each moment up to when the store had it may be one of its own, and those that it says. */
export const uncertainByClock = ({ storedAtMs, firstAtMs, lastAtMs }: Stretch): UncertainTime[] =>
  storedAtMs === undefined
    ? []
    : [
        { fromMs: Number.NEGATIVE_INFINITY, toMs: storedAtMs, why: 'clock' },
        { fromMs: firstAtMs, toMs: lastAtMs, why: 'clock' },
      ];

/** As much of them as lies in a stretch of time, the oldest first, those that touch as one. */
export function uncertainWithin(
  all: readonly UncertainTime[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): UncertainTime[] {
  const joined: UncertainTime[] = [];
  const inside = all
    .filter((one) => one.fromMs <= toMs && one.toMs >= fromMs)
    .map((one) => ({ ...one, fromMs: Math.max(one.fromMs, fromMs), toMs: Math.min(one.toMs, toMs) }))
    .sort((a, b) => a.fromMs - b.fromMs);
  for (const one of inside) {
    const last = joined.at(-1);
    if (last?.why === one.why && one.fromMs <= last.toMs + 1) last.toMs = Math.max(last.toMs, one.toMs);
    else joined.push({ ...one });
  }
  return joined;
}
