import { formatDuration, formatTime } from '../format.ts';
import type { SnapshotManifest } from './manifest.ts';

/** Two clocks may differ by so much without a word. */
export const CLOCK_DOUBT_MS = 5 * 60_000;

type Times = Pick<SnapshotManifest['times'], 'takenAt' | 'storeOffsetMs'> & { clockOffsetMs?: number };
type Dated = { times: Times };
type Placed = Dated & Pick<SnapshotManifest, 'backupId'> & Partial<Pick<SnapshotManifest, 'replication' | 'method'>>;

/** When a backup was taken, for its order among others: by the store's clock where that of its worker was another one. */
export const takenAtMs = ({ times }: Dated): number => Date.parse(times.takenAt) + doubtedBy(times);

/** The same for its age: the older of the two, so that no clock makes a backup fresher than it is. */
export const provenAtMs = ({ times }: Dated): number => Date.parse(times.takenAt) + Math.min(0, doubtedBy(times));

const doubtedBy = ({ storeOffsetMs = 0 }: Times): number => (Math.abs(storeOffsetMs) > CLOCK_DOUBT_MS ? storeOffsetMs : 0);

/** Nothing was taken in the future: when it was is not known. */
export const isFuture = (one: Dated, nowMs: number): boolean => provenAtMs(one) > nowMs + CLOCK_DOUBT_MS;

/** The clock of its Redis was ahead: what had a time to live had expired before its time, so it may hold what was left. */
export const wasServerAhead = ({ times: { clockOffsetMs = 0 } }: Dated): boolean => clockOffsetMs > CLOCK_DOUBT_MS;

/** What is wrong with the clocks of a backup, as a clause; undefined for nothing. */
export function clockDoubt(one: Dated & Pick<SnapshotManifest, 'backupId'>, nowMs: number): string | undefined {
  return dateDoubt(one, nowMs) ?? serverDoubt(one);
}

function serverDoubt(one: Dated & Pick<SnapshotManifest, 'backupId'>): string | undefined {
  const { clockOffsetMs = 0 } = one.times;
  if (Math.abs(clockOffsetMs) <= CLOCK_DOUBT_MS) return undefined;
  const of = `backup ${one.backupId} is of a Redis whose clock was ${formatDuration(Math.abs(clockOffsetMs))}`;
  return wasServerAhead(one)
    ? `${of} ahead of the worker's: keys that had a time to live may have expired too early, and are not in it`
    : `${of} behind the worker's: keys that had a time to live have lived longer by that`;
}

function dateDoubt(one: Dated & Pick<SnapshotManifest, 'backupId'>, nowMs: number): string | undefined {
  const { backupId, times } = one;
  const offset = doubtedBy(times);
  if (isFuture(one, nowMs))
    return `backup ${backupId} is dated ${formatTime(Date.parse(times.takenAt))}, which is in the future: a clock is or was wrong, and when it was taken is not known`;
  if (offset === 0) return undefined;
  const how = `${formatDuration(Math.abs(offset))} ${offset < 0 ? 'ahead of' : 'behind'}`;
  return `backup ${backupId} was taken with a clock that was ${how} that of the store, by which it was taken ${formatTime(takenAtMs(one))}`;
}

/**
 * Oldest first, as far as anything tells: by the dates, of which those in the future come first, since they prove nothing; and
 * within one history by the replication offset, whatever the dates say.
 */
export function backupsInOrder<T extends Placed>(backups: readonly T[], nowMs: number): T[] {
  const rank = (one: T): number => (isFuture(one, nowMs) ? Number.NEGATIVE_INFINITY : takenAtMs(one));
  const order = (a: T, b: T): number => compare(rank(a), rank(b)) || (a.backupId < b.backupId ? -1 : 1);
  const byDate = [...backups].sort(order);
  const byOffset = new Map<string, T[]>();
  for (const one of byDate) {
    const history = historyOf(one);
    if (history !== undefined) byOffset.set(history, [...(byOffset.get(history) ?? []), one]);
  }
  for (const those of byOffset.values()) those.sort((a, b) => offsetOf(a) - offsetOf(b) || order(a, b));
  // The places of one history stay, and its backups take them as their offsets follow each other.
  return byDate.map((one) => byOffset.get(historyOf(one) ?? '')?.shift() ?? one);
}

const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
const offsetOf = ({ replication }: Placed): number => replication?.offset ?? 0;

/** What somebody had in hand, and a server that nobody replicates from, has no place in any. */
export const historyOf = ({ replication, method }: Placed): string | undefined =>
  replication && replication.replid !== '' && replication.offset > 0 && method !== 'import' ? replication.replid : undefined;
