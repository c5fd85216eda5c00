/** A run may begin so much later than its time, and is no missed one. */
const LATE_SHARE = 0.5;
/** A run that takes longer than any before, by this factor and by so much, hangs. */
const OVERDUE_FACTOR = 3;
const OVERDUE_LEAST_MS = 120_000;
/** Where nobody knows what is usual. */
const OVERDUE_UNKNOWN_MS = 3_600_000;

/**
 * How many runs did not begin between those that did, and between the last and now. Of what was before the first nothing is said.
 * @param begunMs - when they were scheduled, ascending
 */
export function missedRuns(
  begunMs: readonly number[],
  { everyMs, nowMs, sinceMs }: { everyMs: number; nowMs: number; sinceMs: number },
): number {
  let missed = 0;
  for (const [at, ms] of begunMs.entries()) {
    const from = Math.max(ms, sinceMs - everyMs);
    const next = begunMs[at + 1];
    if ((next ?? nowMs) <= from) continue;
    // One that begins late is none that was missed; now, the next one may still be about to.
    const slots = ((next ?? nowMs) - from) / everyMs;
    missed += Math.max(0, next === undefined ? Math.floor(slots - LATE_SHARE) : Math.round(slots) - 1);
  }
  return missed;
}

/**
 * How many did not begin before the first that the schedule remembers: it forgets all but its last ten.
 * @param begun - how many did, from `sinceMs` until then
 */
export function missedBefore(firstMs: number, begun: number, { everyMs, sinceMs }: { everyMs: number; sinceMs: number }): number {
  return Math.max(0, Math.floor((firstMs - sinceMs) / everyMs) - begun);
}

/** Whether a run is older than one usually gets. @param usualMs - how long those before took */
export const isOverdue = (ageMs: number, usualMs: readonly number[]): boolean =>
  ageMs > (usualMs.length === 0 ? OVERDUE_UNKNOWN_MS : Math.max(OVERDUE_LEAST_MS, OVERDUE_FACTOR * Math.max(...usualMs)));
