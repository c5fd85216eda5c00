import { classInWords, OTHER } from '../data-class.ts';
import { RecoveryError } from '../errors.ts';
import { formatCountOf, formatDuration, formatList, formatTime } from '../format.ts';
import { CLOCK_DOUBT_MS, takenAtMs, wasServerAhead } from './backup-time.ts';
import { aliveAfter, type ClassCensus } from './census.ts';
import type { SnapshotManifest, SnapshotReason } from './manifest.ts';

/** How many snapshots stay. A snapshot stays when any of the rules wants it. */
export interface RetentionPolicy {
  /** The newest so many; never taken as less than 1. */
  keepLast: number;
  /** All that are at most this much older than the newest, milliseconds. Safety snapshots: than now. */
  keepWithinMs: number;
  /** The newest of each of the last so many days, weeks (from Monday) and months that have one. UTC. */
  keepDaily?: number;
  keepWeekly?: number;
  keepMonthly?: number;
}

/** What the rules need of a snapshot; see `toCandidate`. */
export interface RetentionCandidate {
  backupId: string;
  takenAtMs: number;
  reason: SnapshotReason;
  keys: number;
  /** False: `keys` is what was counted before the reader stopped. */
  parsed: boolean;
  /** Of the raw RDB. */
  rdbBytes: number;
  /** How many keys of each data class, with their times to live. */
  classes?: readonly ClassCensus[];
  /** Bounds of their times to live, seconds. */
  ttlBoundsSeconds?: readonly number[];
  /** The clock of its Redis was ahead by minutes or more: see `wasServerAhead`. */
  serverAhead?: boolean;
}

/** What tells how much a snapshot holds. */
type Content = Pick<RetentionCandidate, 'keys' | 'parsed' | 'rdbBytes' | 'serverAhead'>;

/** A plan that may still be carried out names this backup. */
export interface RetentionPin {
  backupId: string;
  untilMs: number;
  reason?: string;
}

export interface RetentionPlan {
  /** Oldest first. */
  keep: { backupId: string; because: string[] }[];
  remove: { backupId: string; because: string }[];
}

export const toCandidate = (manifest: SnapshotManifest): RetentionCandidate => ({
  backupId: manifest.backupId,
  takenAtMs: takenAtMs(manifest),
  reason: manifest.reason,
  keys: manifest.rdb.keys,
  parsed: manifest.rdb.parsed,
  rdbBytes: manifest.rdb.bytes,
  classes: manifest.census.classes,
  ttlBoundsSeconds: manifest.ttlBoundsSeconds,
  ...(wasServerAhead(manifest) ? { serverAhead: true } : {}),
});

/** A snapshot with less than this part of another's content does not take its place: Redis may have lost its data in between. */
const PLACE_TAKING_SHARE = 0.1;

/** Safety snapshots stay at least as long as a plan can be carried out. */
const DAY_MS = 86_400_000;

/**
 * Which snapshots of one shard stay and which go, with the reason for each. Planning again after it was carried out
 * removes nothing, and no regular snapshot that was to be removed would later be kept, but for a new pin.
 *
 * A snapshot is counted against an older one only if it can take its place (`takesPlaceOf`). So a Redis that came up empty,
 * or with a handful of new keys, and is snapshotted for weeks never pushes out the backups from before: they even stop
 * ageing. Each order of magnitude keeps its own `keepLast`. So does a backup of which a newer one has lost a whole data class.
 * @throws RecoveryError `CONFIG_INVALID` for a policy that is no policy; a wrong number must not remove backups
 */
export function planRetention(
  candidates: readonly RetentionCandidate[],
  policy: RetentionPolicy,
  { nowMs, pins }: { nowMs: number; pins: readonly RetentionPin[] },
): RetentionPlan {
  requireSane(policy);
  // Of these nobody knows when they were taken: they take no other's place, and none takes theirs.
  const isUndated = (one: RetentionCandidate): boolean => one.takenAtMs > nowMs + CLOCK_DOUBT_MS;
  const oldestFirst = candidates
    .filter((one) => !isUndated(one))
    .sort((a, b) => a.takenAtMs - b.takenAtMs || (a.backupId < b.backupId ? -1 : 1));
  const regular = oldestFirst.filter(({ reason }) => reason !== 'safety');
  const reasons = new Map(regular.map((one) => [one.backupId, reasonsToKeep(one, regular, policy, nowMs)]));
  const kept = regular.filter(({ backupId }) => reasons.get(backupId)?.length);
  const safety = oldestFirst.filter(({ reason }) => reason === 'safety');
  for (const one of safety) reasons.set(one.backupId, reasonsToKeepSafety(one, { safety, kept, policy, nowMs }));
  const plan: RetentionPlan = { keep: [], remove: [] };
  for (const one of oldestFirst) {
    const because = [...(reasons.get(one.backupId) ?? []), ...pinned(one, pins, nowMs)];
    if (because.length > 0) plan.keep.push({ backupId: one.backupId, because });
    else plan.remove.push({ backupId: one.backupId, because: whyGone(one, regular, nowMs) });
  }
  for (const { backupId, takenAtMs } of candidates.filter(isUndated))
    plan.keep.push({ backupId, because: [`dated ${formatTime(takenAtMs)}, in the future: when it was taken is not known`] });
  return plan;
}

/**
 * Could one restore `newer` in place of `older` without losing nine tenths of it? By keys; by bytes if one of them could not
 * be counted, since what was counted before the reader stopped says nothing of the whole. Of a Redis whose clock was ahead nobody
 * knows what had expired by it.
 */
export const takesPlaceOf = (newer: Content, older: Content): boolean =>
  holdsAsMuch(newer, older) && !(newer.serverAhead && !older.serverAhead);

/** At least a tenth of it. */
export function holdsAsMuch(newer: Content, older: Content): boolean {
  if (newer.parsed && newer.keys === 0) return older.parsed && older.keys === 0;
  if (newer.parsed && older.parsed) return newer.keys >= older.keys * PLACE_TAKING_SHARE;
  return newer.rdbBytes >= older.rdbBytes * PLACE_TAKING_SHARE;
}

/** Fewer than these were no loss that anybody names. */
const LEAST_LOST = 10;

/**
 * The data classes of which `newer` has less than a tenth of what `older` had and must still have been alive then: 360 keys of
 * a cache are no backup of 1,000 sessions. Of a class that only one of them knows nothing is said. Keys of no class count, where they
 * have not become those of one: when patterns are added or changed, as many keys are of a class that were of none.
 */
export function lostClasses(newer: RetentionCandidate, older: RetentionCandidate): string[] {
  if (!newer.parsed || !older.parsed) return [];
  const elapsedSeconds = (newer.takenAtMs - older.takenAtMs) / 1000;
  return (older.classes ?? [])
    .filter((before) => {
      const after = newer.classes?.find(({ name }) => name === before.name);
      if (!after) return false;
      const { atLeast } = aliveAfter(before, elapsedSeconds, older.ttlBoundsSeconds);
      if (atLeast < LEAST_LOST || after.keys >= atLeast * PLACE_TAKING_SHARE) return false;
      return before.name !== OTHER || namedSince(newer, older) < (before.keys - after.keys) * (1 - PLACE_TAKING_SHARE);
    })
    .map(({ name }) => name);
}

/** By how much the classes together have grown. */
function namedSince(newer: RetentionCandidate, older: RetentionCandidate): number {
  const named = ({ classes = [] }: RetentionCandidate) =>
    classes.reduce((sum, { name, keys }) => sum + (name === OTHER ? 0 : keys), 0);
  return named(newer) - named(older);
}

/** What retention and `latest` ask: nine tenths neither of it nor of one of its data classes would be lost. */
export const pushesOut = (newer: RetentionCandidate, older: RetentionCandidate): boolean =>
  takesPlaceOf(newer, older) && lostClasses(newer, older).length === 0;

function reasonsToKeep(
  one: RetentionCandidate,
  regular: readonly RetentionCandidate[],
  policy: RetentionPolicy,
  nowMs: number,
): string[] {
  const newer = newerThan(one, regular);
  const successors = newer.filter((other) => pushesOut(other, one));
  const keepLast = Math.max(1, Math.floor(policy.keepLast));
  const because: string[] = [];
  if (successors.length < keepLast)
    because.push(lastReason(keepLast, { newer: newer.length, successors: successors.length, lost: lostIn(newer, one) }));
  const newest = successors[successors.length - 1] ?? one;
  if (Math.min(newest.takenAtMs, nowMs) - one.takenAtMs <= policy.keepWithinMs) {
    because.push(`within ${formatDuration(policy.keepWithinMs)} of the newest`);
  }
  for (const { name, count, periodOf } of periodsOf(policy)) {
    const later = new Set(successors.map(({ takenAtMs }) => periodOf(takenAtMs)));
    const own = periodOf(one.takenAtMs);
    if (!later.has(own) && later.size < count) because.push(`newest of the ${name} ${own}`);
  }
  return because;
}

/** By age alone; but the only backup that still has the data stays. */
function reasonsToKeepSafety(
  one: RetentionCandidate,
  {
    safety,
    kept,
    policy,
    nowMs,
  }: { safety: readonly RetentionCandidate[]; kept: readonly RetentionCandidate[]; policy: RetentionPolicy; nowMs: number },
): string[] {
  const withinMs = Math.max(policy.keepWithinMs, DAY_MS);
  if (nowMs - one.takenAtMs <= withinMs) return [`safety snapshot of the last ${formatDuration(withinMs)}`];
  if (one.parsed && one.keys === 0) return [];
  const others = [...kept, ...newerThan(one, safety)];
  return others.some((other) => pushesOut(other, one)) ? [] : ['no other backup holds that much'];
}

const lostIn = (newer: readonly RetentionCandidate[], one: RetentionCandidate): string[] => [
  ...new Set(newer.filter((other) => takesPlaceOf(other, one)).flatMap((other) => lostClasses(other, one))),
];

function lastReason(
  keepLast: number,
  { newer, successors, lost }: { newer: number; successors: number; lost: readonly string[] },
): string {
  const rule = keepLast === 1 ? 'the last good one' : `one of the last ${keepLast}`;
  if (newer < keepLast) return rule;
  const of = lost.length > 0 ? `, or of its ${formatList(lost.map(classInWords))}` : '';
  return `${rule}: ${formatCountOf(newer - successors, 'newer one holds', 'newer ones hold')} less than a tenth of it${of}`;
}

const newerThan = (one: RetentionCandidate, oldestFirst: readonly RetentionCandidate[]): readonly RetentionCandidate[] =>
  oldestFirst.slice(oldestFirst.indexOf(one) + 1);

const pinned = ({ backupId }: RetentionCandidate, pins: readonly RetentionPin[], nowMs: number): string[] =>
  pins
    .filter((pin) => pin.backupId === backupId && pin.untilMs > nowMs)
    .map((pin) => `pinned until ${formatTime(pin.untilMs)}${pin.reason ? `: ${pin.reason}` : ''}`);

const whyGone = (one: RetentionCandidate, regular: readonly RetentionCandidate[], nowMs: number): string =>
  one.reason === 'safety'
    ? `safety snapshot, ${formatDuration(nowMs - one.takenAtMs)} old`
    : `${formatDuration(nowMs - one.takenAtMs)} old, ${formatCountOf(newerThan(one, regular).length, 'newer backup')}`;

function periodsOf(policy: RetentionPolicy): { name: string; count: number; periodOf: (ms: number) => string }[] {
  return [
    { name: 'day', count: policy.keepDaily ?? 0, periodOf: (ms: number) => isoDate(ms) },
    { name: 'week from', count: policy.keepWeekly ?? 0, periodOf: mondayOf },
    { name: 'month', count: policy.keepMonthly ?? 0, periodOf: (ms: number) => isoDate(ms).slice(0, 7) },
  ];
}

const isoDate = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** 1970-01-01 was a Thursday. */
const mondayOf = (ms: number): string => isoDate(ms - ((Math.floor(ms / DAY_MS) + 3) % 7) * DAY_MS);

function requireSane(policy: RetentionPolicy): void {
  for (const [name, value] of Object.entries(policy)) {
    if (value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= 0)) continue;
    throw new RecoveryError('CONFIG_INVALID', `the retention rule ${name} is ${String(value)}; nothing was removed`, {
      next: `Set retention.${name} to a number of at least 0.`,
    });
  }
}
