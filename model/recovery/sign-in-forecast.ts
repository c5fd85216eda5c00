import { type ClassCensus, TTL_BOUNDS_SECONDS } from '../backup/census.ts';
import type { Bounds } from '../backup/expiry-timeline.ts';
import { formatBounds, formatCount } from '../format.ts';
import type { SignInForecast } from './recovery.ts';

export interface ForecastFacts {
  /** Sessions that are lost now. */
  lost: Bounds;
  /** How they are called. */
  name: string;
  expiry: 'fixed' | 'sliding';
  /** The longest time to live that the application sets. Absent: as the census has it. */
  ttlSeconds?: number;
  /** Of the newest backup before the failure. Absent: nothing is known but the number. */
  counted?: Pick<ClassCensus, 'ttl' | 'persistent'>;
  bounds?: readonly number[];
  /** Authentication requests a second that were recorded before the failure. */
  normalPerSecond?: number;
}

/** "The first minutes" after traffic is back. */
const FIRST_SECONDS = 300;

/**
 * How many people sign in again, at most. With `sliding` expiry the time to live says when a session was last used: those that
 * were used within FIRST_SECONDS before the backup stand for the people who are at work, and notice first. With `fixed` expiry
 * it says when people signed in, and nothing of who is at work: all may come at once. There a recorded rate of requests tells
 * how many sessions have a sign-in behind them at all: many are anonymous.
 * @returns undefined if nothing is lost
 */
export function forecastSignIns(facts: ForecastFacts): SignInForecast | undefined {
  const { lost, expiry, normalPerSecond } = facts;
  if (lost.atMost <= 0) return undefined;
  const first = expiry === 'sliding' ? shareAtWork(facts) : { atLeast: 0, atMost: shareOfSignIns(facts) };
  const atMostSignIns = Math.min(lost.atMost, Math.ceil(lost.atMost * first.atMost));
  const usual = normalPerSecond ?? 0;
  return {
    lostSessions: lost,
    atMostSignIns,
    overSeconds: FIRST_SECONDS,
    peakPerSecond: {
      atLeast: rounded(usual + (lost.atLeast * first.atLeast) / FIRST_SECONDS),
      atMost: rounded(usual + atMostSignIns / FIRST_SECONDS),
    },
    expiry,
    ...(normalPerSecond === undefined ? {} : { normalPerSecond }),
    text: textOf(facts, atMostSignIns, rounded(usual + atMostSignIns / FIRST_SECONDS)),
  };
}

/** Share of the sessions that had been used within FIRST_SECONDS before the backup. Its histogram is coarse at the long end. */
function shareAtWork({ ttlSeconds, counted, bounds = TTL_BOUNDS_SECONDS }: ForecastFacts): Bounds {
  const buckets = counted ? bucketsOf(counted, bounds) : [];
  const all = buckets.reduce((sum, { keys }) => sum + keys, counted?.persistent ?? 0);
  const longest = ttlSeconds ?? buckets.findLast(({ keys }) => keys > 0)?.upTo ?? Number.POSITIVE_INFINITY;
  if (!counted || all === 0 || !Number.isFinite(longest)) return { atLeast: 0, atMost: 1 };
  const usedSince = longest - FIRST_SECONDS;
  const keysOf = (wanted: (bucket: Bucket) => boolean) => buckets.filter(wanted).reduce((sum, { keys }) => sum + keys, 0);
  return {
    atLeast: keysOf(({ over }) => over >= usedSince) / all,
    atMost: (keysOf(({ upTo }) => upTo > usedSince) + counted.persistent) / all, // without a time to live: who knows
  };
}

/** Sign-ins for each new session, 0 to 1: the recorded rate over the rate at which sessions began, taken low. */
function shareOfSignIns({ ttlSeconds, counted, bounds = TTL_BOUNDS_SECONDS, normalPerSecond }: ForecastFacts): number {
  const youngest = counted && bucketsOf(counted, bounds).findLast(({ keys }) => keys > 0);
  if (!youngest || normalPerSecond === undefined) return 1;
  const upTo = Math.min(youngest.upTo, ttlSeconds ?? youngest.upTo);
  const seconds = upTo - youngest.over;
  if (!Number.isFinite(seconds) || seconds <= 0) return 1;
  return Math.min(1, normalPerSecond / (youngest.keys / seconds));
}

interface Bucket {
  over: number;
  upTo: number;
  keys: number;
}

const bucketsOf = ({ ttl }: Pick<ClassCensus, 'ttl'>, bounds: readonly number[]): Bucket[] =>
  ttl.map((keys, index) => ({ over: bounds[index - 1] ?? 0, upTo: bounds[index] ?? Number.POSITIVE_INFINITY, keys }));

const rounded = (perSecond: number): number => Math.round(perSecond * 100) / 100;

function textOf({ lost, name, expiry, normalPerSecond }: ForecastFacts, signIns: number, peak: number): string {
  const usual = normalPerSecond === undefined ? '' : `, where ${formatRequestRate(normalPerSecond)} are usual`;
  const minutes = FIRST_SECONDS / 60;
  const head = `${formatBounds(lost)} ${name} lost: at most ${formatCount(signIns)} sign-ins in the first ${minutes} minutes, up to ${formatRequestRate(peak)}${usual}.`;
  if (signIns < lost.atMost && expiry === 'sliding') return `${head} The others sign in when they come back.`;
  return signIns < lost.atMost ? `${head} Not every session has a sign-in behind it.` : head;
}

/** `0.4 a second`, `12 a second`. */
export const formatRequestRate = (perSecond: number): string =>
  `${perSecond < 10 ? Number(perSecond.toFixed(1)) : formatCount(perSecond)} a second`;
