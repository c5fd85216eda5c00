import { type ArchiveExtent, isOn, type LogPosition, logPositionsOf, reachOf } from '../archive/chain.ts';
import type { LateArrival } from '../archive/timeline.ts';
import { type UncertainTime, uncertainByClock, uncertainByLate, uncertainWithin } from '../archive/uncertain.ts';
import { isFuture } from '../backup/backup-time.ts';
import type { SnapshotManifest } from '../backup/manifest.ts';
import { formatCountOf, formatDuration, formatTime } from '../format.ts';

/** A moment that can be restored. */
export interface Moment {
  atMs: number;
  /** A snapshot alone, without any log. */
  backupId?: string;
}

export interface Period {
  fromMs: number;
  toMs: number;
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

/** What can be restored: moments of each period, and beside them the moments of so many backups alone. */
export interface Restorable {
  /** Oldest first. Milliseconds since 1970. Any moment of them but those in `uncertain`. */
  periods: Period[];
  /** Parts of periods of which no moment is surely restored as it was, oldest first. */
  uncertain: UncertainTime[];
  /** When backups were taken that lie in no period, oldest first. */
  aloneMs: number[];
}

/**
 * @param late - all of the log that waited before it came
 * @param all - snapshots of one shard. Those whose keys could not be counted are no base of a log
 */
export function restorableOf(
  { extents, late = [] }: { extents: readonly ArchiveExtent[]; late?: readonly LateArrival[] },
  all: readonly SnapshotManifest[],
  nowMs: number,
): Restorable {
  const snapshots = all.filter((one) => !isFuture(one, nowMs)); // when those were taken is not known
  const windows = windowsOf(
    logPositionsOf(extents),
    snapshots.filter(({ rdb }) => rdb.parsed),
  );
  const periods: Period[] = [];
  for (const { from, toMs } of windows.filter((one) => one.toMs > one.from.atMs).sort((a, b) => a.from.atMs - b.from.atMs)) {
    const last = periods.at(-1);
    if (last && from.atMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else periods.push({ fromMs: from.atMs, toMs });
  }
  const aloneMs = snapshots
    .map(({ times }) => Date.parse(times.takenAt))
    .filter((atMs) => !periods.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs))
    .sort((a, b) => a - b);
  const doubtful = [...late.map(uncertainByLate), ...extents.flatMap(({ stretches }) => stretches.flatMap(uncertainByClock))];
  return { periods, uncertain: periods.flatMap((period) => uncertainWithin(doubtful, period)), aloneMs };
}

/** In words, the newest first where there are several; undefined where there is nothing. */
export function restorableText({ periods, uncertain, aloneMs }: Restorable): string | undefined {
  const newest = periods.at(-1);
  const alone = aloneText(aloneMs);
  if (!newest) return alone && `can be restored: only ${alone}`;
  const more = periods.length > 1 ? `, and ${formatCountOf(periods.length - 1, 'older period')}` : '';
  const beside = alone ? `, and ${alone}` : '';
  return `can be restored: ${periodText(newest, uncertainWithin(uncertain, newest))}${more}${beside}`;
}

/** Only what is restored as it was is called a moment that can be. */
function periodText(period: Period, uncertain: readonly UncertainTime[]): string {
  const span = spanOf(period);
  const newest = uncertain.at(-1);
  if (!newest) return `any moment ${span}`;
  if (newest.fromMs <= period.fromMs && newest.toMs >= period.toMs) return `${span} ${exactness(newest)}`;
  const older =
    uncertain.length > 1 ? `, and ${formatCountOf(uncertain.length - 1, 'older stretch', 'older stretches')} no better` : '';
  return `any moment ${span}, but ${spanOf(newest)} ${exactness(newest)}${older}`;
}

const spanOf = ({ fromMs, toMs }: Period): string => `from ${seconds(fromMs)} until ${seconds(toMs)}`;

const exactness = ({ fromMs, toMs, why }: UncertainTime): string =>
  why === 'late'
    ? `only to within ${formatDuration(toMs - fromMs + 1)}, because it came late`
    : 'to no certain moment, because a clock was ahead';

function aloneText(aloneMs: readonly number[]): string | undefined {
  const [oldest, newest] = [aloneMs[0], aloneMs.at(-1)];
  if (oldest === undefined || newest === undefined) return undefined;
  if (aloneMs.length === 1) return `the moment of 1 backup, ${seconds(oldest)}`;
  return `the moments of ${aloneMs.length} backups, from ${seconds(oldest)} until ${seconds(newest)}`;
}

const seconds = (ms: number): string => formatTime(ms, 'seconds');
