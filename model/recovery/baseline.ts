import type { ServerFacts } from '../backup/manifest.ts';
import { timeOfBackupId } from '../instance.ts';
import type { WarmupWatch } from './recovery.ts';

export const BASELINE_FORMAT_VERSION = 1;

/** How a Redis was doing in one window, remembered so that "as before" has a meaning after a failure. Plain JSON. */
export interface Baseline {
  formatVersion: typeof BASELINE_FORMAT_VERSION;
  kind: 'baseline';
  /** UTC `YYYYMMDDTHHMMSSZ`: the end of the window. */
  baselineId: string;
  instance: string;
  shard: string;
  windowSeconds: number;
  /** Lookups of keys in the window, and those of them that found one. */
  lookups: number;
  hits: number;
  /** Authentication requests a second, where they are watched. */
  authenticationPerSecond?: number;
  keys: number;
  /** `host:port` of the replicas that were connected. */
  replicas: string[];
  server: ServerFacts;
}

/** What a recovery compares with. */
export interface KnownBefore {
  /** 0 to 1. */
  hitRate?: number;
  from: Exclude<WarmupWatch['targetFrom'], 'configuration'>;
  /** From the same hours, or the last one. */
  authenticationPerSecond?: number;
}

const DAY_MS = 24 * 3600_000;
const HOUR_MS = 3600_000;
const DAYS = 7;

/**
 * How it was before a failure: at the same hour of the last days, give or take one, the median; else in the last window that
 * was recorded. Never an average over a day: at night other people are there.
 * @param oldestFirst - all that are recorded
 * @param failedAtMs - what was recorded later was seen in trouble. Milliseconds since 1970
 * @param nowMs - whose hour counts
 */
export function knownBefore(
  oldestFirst: readonly Baseline[],
  { failedAtMs, nowMs, minLookups }: KnownBeforeOptions,
): KnownBefore {
  const before = oldestFirst.filter((one) => timeOf(one) < failedAtMs);
  const telling = before.filter(({ lookups }) => lookups >= Math.max(1, minLookups));
  const isSameHour = (one: Baseline) => sameHourOfEarlierDay(timeOf(one), nowMs);
  const same = telling.filter(isSameHour);
  const last = telling.at(-1);
  const hitRate = same.length > 0 ? median(same.map(rateOf)) : last && rateOf(last);
  const rates = (from: readonly Baseline[]) =>
    from.flatMap(({ authenticationPerSecond: rate }) => (rate === undefined ? [] : [rate]));
  const authentications = rates(before.filter(isSameHour));
  const authenticationPerSecond = authentications.length > 0 ? median(authentications) : rates(before).at(-1);
  return {
    ...(hitRate === undefined ? {} : { hitRate }),
    from: same.length > 0 ? 'same hour of earlier days' : last ? 'last window before the failure' : 'none',
    ...(authenticationPerSecond === undefined ? {} : { authenticationPerSecond }),
  };
}

export interface KnownBeforeOptions {
  failedAtMs: number;
  nowMs: number;
  /** A window with fewer says nothing. */
  minLookups: number;
}

/** The end of its window, milliseconds since 1970. */
const timeOf = ({ baselineId }: Baseline): number => timeOfBackupId(baselineId);

const rateOf = ({ hits, lookups }: Baseline): number => hits / lookups;

function sameHourOfEarlierDay(atMs: number, nowMs: number): boolean {
  const agoMs = nowMs - atMs;
  const days = Math.round(agoMs / DAY_MS);
  return days >= 1 && days <= DAYS && Math.abs(agoMs - days * DAY_MS) <= HOUR_MS;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
