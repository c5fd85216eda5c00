/**
 * When the keys of one RDB expire, to the second, so that "how many were alive when this server loaded it" has an answer
 * for any moment of the load. The census' histogram is too coarse for a proof; this costs one counter a second.
 * Plain JSON.
 */
export interface ExpiryTimeline {
  /** Start of the first second, milliseconds since 1970. */
  fromMs: number;
  horizonSeconds: number;
  /** Keys without a time to live. */
  persistent: number;
  /** Keys that expire before `fromMs`. */
  expiredBefore: number;
  /** [second, keys]: expire within [fromMs + second * 1000, + 999 ms]. Ascending; seconds without keys are left out. */
  perSecond: [second: number, keys: number][];
  /** Keys that expire at or after the horizon. */
  later: number;
}

/** How many keys are alive: the truth lies between the two. */
export interface Bounds {
  atLeast: number;
  atMost: number;
}

/** The keys of one data class in one database. */
export interface ClassExpiries {
  db: number;
  name: string;
  timeline: ExpiryTimeline;
}

export interface ExpiryTimelineBuilder {
  /** @param expireAtMs - milliseconds since 1970, as an RDB has it */
  add(expireAtMs: number): void;
  addPersistent(): void;
  toTimeline(): ExpiryTimeline;
}

/** A day of session tokens, and an hour for the restore itself. */
const DEFAULT_HORIZON_SECONDS = 86_400 + 3_600;

/**
 * Counts in one pass, in 4 bytes for each second of the horizon, whatever the number of keys.
 * @param fromMs - before this no load can happen: the time of the restore, less a clock's error
 */
export function createExpiryTimeline({
  fromMs,
  horizonSeconds = DEFAULT_HORIZON_SECONDS,
}: {
  fromMs: number;
  horizonSeconds?: number;
}): ExpiryTimelineBuilder {
  const seconds = new Uint32Array(horizonSeconds);
  let persistent = 0;
  let expiredBefore = 0;
  let later = 0;
  return {
    add(expireAtMs) {
      const second = Math.floor((expireAtMs - fromMs) / 1000);
      if (second < 0) expiredBefore += 1;
      else if (second >= horizonSeconds) later += 1;
      else seconds[second] = (seconds[second] ?? 0) + 1;
    },
    addPersistent() {
      persistent += 1;
    },
    toTimeline() {
      const perSecond: [number, number][] = [];
      seconds.forEach((keys, second) => {
        if (keys > 0) perSecond.push([second, keys]);
      });
      return { fromMs, horizonSeconds, persistent, expiredBefore, perSecond, later };
    },
  };
}

/**
 * How many keys are alive at a moment: exact but for the keys that expire within that very second (and, before `fromMs` or
 * past the horizon, for all that the timeline doesn't tell apart).
 * A key lives up to and including its expiry millisecond: redis 7.0.15 src/rdb.c drops it when `expiretime < now`.
 */
export function aliveAt(timeline: ExpiryTimeline, ms: number): Bounds {
  const horizonMs = timeline.fromMs + timeline.horizonSeconds * 1000;
  let atLeast = timeline.persistent + (ms <= horizonMs ? timeline.later : 0);
  let atMost = timeline.persistent + timeline.later + (ms < timeline.fromMs ? timeline.expiredBefore : 0);
  for (const [second, keys] of timeline.perSecond) {
    const firstMs = timeline.fromMs + second * 1000;
    if (firstMs >= ms) atLeast += keys;
    if (firstMs + 999 >= ms) atMost += keys;
  }
  return { atLeast, atMost };
}

/** The same of several classes together. */
export function aliveOfAll(all: readonly ClassExpiries[], ms: number): Bounds {
  const each = all.map(({ timeline }) => aliveAt(timeline, ms));
  return {
    atLeast: each.reduce((sum, { atLeast }) => sum + atLeast, 0),
    atMost: each.reduce((sum, { atMost }) => sum + atMost, 0),
  };
}

/** Every key of the RDB. */
export const keysOf = (timeline: ExpiryTimeline): number =>
  timeline.perSecond.reduce((sum, [, keys]) => sum + keys, timeline.persistent + timeline.expiredBefore + timeline.later);

/**
 * The same timeline with seconds only between two moments. A day of sessions is a megabyte of JSON, too much for a
 * workflow's history; the few minutes of one load are not.
 */
export function narrowTimeline(timeline: ExpiryTimeline, fromMs: number, toMs: number): ExpiryTimeline {
  const first = Math.min(Math.max(Math.floor((fromMs - timeline.fromMs) / 1000), 0), timeline.horizonSeconds);
  const end = Math.min(Math.max(Math.ceil((toMs - timeline.fromMs) / 1000), first), timeline.horizonSeconds);
  const sum = (pairs: [number, number][]): number => pairs.reduce((total, [, keys]) => total + keys, 0);
  return {
    fromMs: timeline.fromMs + first * 1000,
    horizonSeconds: end - first,
    persistent: timeline.persistent,
    expiredBefore: timeline.expiredBefore + sum(timeline.perSecond.filter(([second]) => second < first)),
    perSecond: timeline.perSecond
      .filter(([second]) => second >= first && second < end)
      .map(([second, keys]): [number, number] => [second - first, keys]),
    later: timeline.later + sum(timeline.perSecond.filter(([second]) => second >= end)),
  };
}
