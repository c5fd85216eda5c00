import type { PastRecovery, SeenTwin, WatchQuestion, WatchState, Witnesses } from './watch.ts';

/** What a watcher takes along when it continues as new; never typed by a person. */
export interface WatchMemory {
  known?: WatchState;
  since?: string;
  deadBefore?: string[];
  twins?: SeenTwin[];
  witnesses?: Witnesses;
  question?: WatchQuestion;
  declined?: { by: string; note?: string };
  /** Incidents that were handled, and when (milliseconds since 1970), oldest first. */
  handled: [incident: string, atMs: number][];
  /** The newest alarm: it speaks for the applications for a while. */
  witness?: { incident: string; by: string; atMs: number };
  recoveries: PastRecovery[];
}

/** Input of `watchRedis`. */
export interface WatchInput {
  instance: string;
  /** Which of its Redis. Absent: the only one. */
  shard?: string;
  memory?: WatchMemory;
}

const DAY_MS = 24 * 3_600_000;
/** An alert that repeats for more incidents than this a day is answered anew; the cool-down holds all the same. */
const MOST_INCIDENTS = 500;
/** How long an alarm speaks for the applications. */
const WITNESS_MS = 10 * 60_000;
/** Recoveries count for an hour, and a cool-down may be longer. */
const RECOVERIES_MS = 7 * DAY_MS;
export const RECOVERIES_KEPT = { keepMs: RECOVERIES_MS };

export function withHandled(
  handled: readonly [string, number][],
  incident: string,
  nowMs: number,
): [incident: string, atMs: number][] {
  const young = handled.filter(([other, atMs]) => other !== incident && nowMs - atMs < DAY_MS);
  return [...young, [incident, nowMs] as [string, number]].slice(-MOST_INCIDENTS);
}

export const wasHandled = (handled: readonly [string, number][], incident: string, nowMs: number): boolean =>
  handled.some(([other, atMs]) => other === incident && nowMs - atMs < DAY_MS);

export const isFresh = (witness: { atMs: number } | undefined, nowMs: number): boolean =>
  witness !== undefined && nowMs - witness.atMs < WITNESS_MS;
