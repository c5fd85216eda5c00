import { type ArchiveExtent, isOn, type LogPosition, logPositionsOf, reachOf } from '../archive/chain.ts';
import { isFuture } from '../backup/backup-time.ts';
import type { SnapshotManifest } from '../backup/manifest.ts';
import { formatCountOf, formatTime } from '../format.ts';

/** A moment that can be restored. */
export interface Moment {
  atMs: number;
  /** A snapshot alone, without any log. */
  backupId?: string;
}

/** From each snapshot on, as far as the log goes on without a gap; of a snapshot that has no log, its own moment. */
export function windowsOf(
  places: readonly LogPosition[],
  snapshots: readonly SnapshotManifest[],
): { from: Moment; toMs: number }[] {
  return snapshots.map((snapshot) => {
    const atMs = Date.parse(snapshot.times.takenAt);
    const reached = places.filter((place) => isOn(snapshot, place)).map((place) => reachOf(place, places));
    return { from: { atMs, backupId: snapshot.backupId }, toMs: Math.max(atMs, ...reached) };
  });
}

/** What can be restored: any moment of each period, and beside them the moments of so many backups alone. */
export interface Restorable {
  /** Oldest first. Milliseconds since 1970. */
  periods: { fromMs: number; toMs: number }[];
  /** When backups were taken that lie in no period, oldest first. */
  aloneMs: number[];
}

/** @param all - snapshots of one shard. Those whose keys could not be counted are no base of a log */
export function restorableOf(extents: readonly ArchiveExtent[], all: readonly SnapshotManifest[], nowMs: number): Restorable {
  const snapshots = all.filter((one) => !isFuture(one, nowMs)); // when those were taken is not known
  const windows = windowsOf(
    logPositionsOf(extents),
    snapshots.filter(({ rdb }) => rdb.parsed),
  );
  const periods: Restorable['periods'] = [];
  for (const { from, toMs } of windows.filter((one) => one.toMs > one.from.atMs).sort((a, b) => a.from.atMs - b.from.atMs)) {
    const last = periods.at(-1);
    if (last && from.atMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else periods.push({ fromMs: from.atMs, toMs });
  }
  const aloneMs = snapshots
    .map(({ times }) => Date.parse(times.takenAt))
    .filter((atMs) => !periods.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs))
    .sort((a, b) => a - b);
  return { periods, aloneMs };
}

/** In words, the newest first where there are several; undefined where there is nothing. */
export function restorableText({ periods, aloneMs }: Restorable): string | undefined {
  const newest = periods.at(-1);
  const alone = aloneText(aloneMs);
  if (!newest) return alone && `can be restored: only ${alone}`;
  const more = periods.length > 1 ? `, and ${formatCountOf(periods.length - 1, 'older period')}` : '';
  const beside = alone ? `, and ${alone}` : '';
  return `can be restored: any moment from ${seconds(newest.fromMs)} until ${seconds(newest.toMs)}${more}${beside}`;
}

function aloneText(aloneMs: readonly number[]): string | undefined {
  const [oldest, newest] = [aloneMs[0], aloneMs.at(-1)];
  if (oldest === undefined || newest === undefined) return undefined;
  if (aloneMs.length === 1) return `the moment of 1 backup, ${seconds(oldest)}`;
  return `the moments of ${aloneMs.length} backups, from ${seconds(oldest)} until ${seconds(newest)}`;
}

const seconds = (ms: number): string => formatTime(ms, 'seconds');
