import type { KeyKind } from '../key-kind.ts';

/**
 * Counts of the keys of one snapshot, per data class, with what was left of their time to live when it was taken.
 * Plain JSON: it stands in the manifest and crosses Temporal.
 */
export interface Census {
  /** When the snapshot was taken, by the clock that the TTLs are counted from: milliseconds since 1970. */
  takenAtMs: number;
  keys: number;
  /** In the order of the configured classes; `other` is last and always there. */
  classes: ClassCensus[];
  /** What their names begin with, the most first. Absent: too few keys, or not noted. */
  kinds?: KeyKind[];
}

export interface ClassCensus {
  name: string;
  keys: number;
  /** Keys without a time to live. */
  persistent: number;
  /** Keys that had expired by `takenAtMs` and were still in the RDB. */
  expired: number;
  /** `ttl[i]` keys had more than TTL_BOUNDS_SECONDS[i - 1] and at most TTL_BOUNDS_SECONDS[i] left; the last holds the rest. */
  ttl: number[];
}

/** Upper bounds, in seconds, of the TTL histogram. Written into every manifest, so it can change between versions. */
export const TTL_BOUNDS_SECONDS: readonly number[] = [
  1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 64800, 86400, 172800, 604800,
];

export const emptyClassCensus = (name: string): ClassCensus => ({
  name,
  keys: 0,
  persistent: 0,
  expired: 0,
  ttl: new Array<number>(TTL_BOUNDS_SECONDS.length + 1).fill(0),
});

/**
 * How many keys of a census can be alive at a later time, as bounds: a bucket whose time has come only in part may be
 * all alive or all dead.
 * @param elapsedSeconds - from `takenAtMs` on; may be negative when the clock was turned back
 */
export function aliveAfter(
  census: Pick<ClassCensus, 'persistent' | 'expired' | 'ttl'>,
  elapsedSeconds: number,
  bounds: readonly number[] = TTL_BOUNDS_SECONDS,
): { atLeast: number; atMost: number } {
  let atLeast = census.persistent;
  let atMost = census.persistent;
  if (elapsedSeconds <= 0) atMost += census.expired;
  census.ttl.forEach((keys, bucket) => {
    const over = bucket === 0 ? 0 : (bounds[bucket - 1] ?? 0);
    const upTo = bounds[bucket] ?? Number.POSITIVE_INFINITY;
    if (over >= elapsedSeconds) atLeast += keys;
    if (upTo >= elapsedSeconds) atMost += keys;
  });
  return { atLeast, atMost };
}
