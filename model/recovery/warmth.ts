import type { ClassCensus } from '../backup/census.ts';
import { formatCount, formatCountOf, formatDuration, formatList } from '../format.ts';
import type { KnownBefore } from './baseline.ts';
import type { WarmupWatch } from './recovery.ts';
import type { WarmupSettings } from './settings.ts';

/** The counters of INFO stats at one moment. They begin at 0 with the process, and at CONFIG RESETSTAT. */
export interface LookupCounters {
  runId: string;
  hits: number;
  misses: number;
}

/** What a watch knows after some windows. */
export interface Warmth {
  last?: LookupCounters;
  /** Warm windows in a row. */
  inRow: number;
  /** Windows that say something. */
  told: number;
  /** Of the last window that says something. 0 to 1. */
  hitRate?: number;
  /** Of the last window. */
  lookups?: number;
}

export interface WarmTarget {
  target?: number;
  targetFrom: WarmupWatch['targetFrom'];
}

/** Without anything to compare with, so many windows are looked at. */
const WINDOWS_WITHOUT_TARGET = 3;
/** A class with less than this share of the keys that it had in the backup is missing. */
const MISSING_BELOW = 0.5;

export const startOfWarmth: Warmth = { inRow: 0, told: 0 };

/** The configuration knows better than what was seen. */
export function warmTarget({ target }: Pick<WarmupSettings, 'target'>, baseline?: KnownBefore): WarmTarget {
  if (target !== undefined) return { target, targetFrom: 'configuration' };
  if (baseline?.hitRate === undefined) return { targetFrom: 'none' };
  return { target: baseline.hitRate, targetFrom: baseline.from };
}

/** Lookups between two readings; undefined if the process or its counters are others. */
export function lookupsBetween(
  before: LookupCounters | undefined,
  now: LookupCounters,
): { hits: number; lookups: number } | undefined {
  if (!before || before.runId !== now.runId) return undefined;
  const [hits, misses] = [now.hits - before.hits, now.misses - before.misses];
  return hits < 0 || misses < 0 ? undefined : { hits, lookups: hits + misses };
}

/** One window further. Another process, or counters that went back, begin the count again; a quiet window leaves it as it is. */
export function nextWindow(
  warmth: Warmth,
  now: LookupCounters,
  settings: Pick<WarmupSettings, 'tolerance' | 'minLookups'>,
  target?: number,
): Warmth {
  const window = lookupsBetween(warmth.last, now);
  if (!window) return { ...startOfWarmth, last: now };
  const { hits, lookups } = window;
  if (lookups < Math.max(1, settings.minLookups)) return { ...warmth, last: now, lookups };
  const hitRate = hits / lookups;
  const isWarm = target !== undefined && hitRate >= target - settings.tolerance - 1e-9; // 0.8 - 0.05 is not 0.75
  return { last: now, inRow: isWarm ? warmth.inRow + 1 : 0, told: warmth.told + 1, hitRate, lookups };
}

/** Whether the watch is over, for another reason than its limit. */
export const isDecided = ({ inRow, told }: Warmth, { windows }: Pick<WarmupSettings, 'windows'>, target?: number): boolean =>
  target === undefined ? told >= WINDOWS_WITHOUT_TARGET : inRow >= windows;

/** `hit 61 % of target 80 %, 2 of 3 windows`. */
export function noteOfWarmth(
  { inRow, hitRate, lookups }: Warmth,
  { windows, minLookups }: WarmupSettings,
  target?: number,
): string {
  const quiet =
    lookups !== undefined && lookups < minLookups ? `, only ${formatCountOf(lookups, 'lookup')} in the last window` : '';
  if (hitRate === undefined) return `no window with ${formatCountOf(minLookups, 'lookup')} yet${quiet}`;
  if (target === undefined) return `hit ${percent(hitRate)}, nothing to compare with${quiet}`;
  return `hit ${percent(hitRate)} of target ${percent(target)}, ${inRow} of ${windows} windows${quiet}`;
}

/** The end of a watch. @param missing - data classes that are not there again */
export function verdictOfWarmth(
  warmth: Warmth,
  settings: WarmupSettings,
  { target, targetFrom }: WarmTarget,
  { seconds, missing = [] }: { seconds: number; missing?: readonly string[] },
): WarmupWatch {
  const { hitRate } = warmth;
  const base = {
    ...(hitRate === undefined ? {} : { hitRate }),
    ...(target === undefined ? {} : { target }),
    targetFrom,
    seconds,
  };
  const gone = missing.length > 0 ? `, ${formatList(missing)} missing` : '';
  if (hitRate === undefined) {
    const text = `cannot be told: no window of ${formatDuration(settings.windowMs)} had ${formatCount(settings.minLookups)} lookups${gone}`;
    return { ...base, verdict: 'cannot-be-told', text };
  }
  if (target === undefined) {
    const text = `hit rate ${percent(hitRate)}: nothing is recorded from before the failure to compare with${gone}`;
    return { ...base, verdict: 'cannot-be-told', text };
  }
  if (isDecided(warmth, settings, target)) return { ...base, verdict: 'warm', text: `warm: ${percent(hitRate)}` };
  return { ...base, verdict: 'not-warm', text: `not warm: ${percent(hitRate)} of ${percent(target)}${gone}` };
}

/** Classes that had keys in the backup, and have less than half of them now, for sure. */
export const missingClasses = (
  counted: readonly Pick<ClassCensus, 'name' | 'keys' | 'expired'>[],
  now: readonly { name: string; atMost: number }[],
): string[] =>
  counted
    .filter(({ name, keys, expired }) => {
      const atMost = now.find((one) => one.name === name)?.atMost;
      return keys > expired && atMost !== undefined && atMost < MISSING_BELOW * (keys - expired);
    })
    .map(({ name }) => name);

const percent = (share: number): string => `${Math.round(share * 100)} %`;
