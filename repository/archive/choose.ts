import type { ArchiveExtent } from '../../model/archive/chain.ts';
import type { Cut } from '../../model/archive/cut.ts';
import { type ArchiveTarget, planArchive, refusalError } from '../../model/archive/plan.ts';
import type { LateArrival } from '../../model/archive/timeline.ts';
import { liesIn, uncertainByClock } from '../../model/archive/uncertain.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { type Beyond, beyondText, newerThan } from '../../model/backup/unusable.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatBytes, formatTime } from '../../model/format.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import type { Naming } from '../../model/restore/plan/unusable.ts';
import { parseUntil } from '../../model/restore/until.ts';
import type { Archive } from './archive.ts';
import { readExtents } from './extents.ts';
import { findCut } from './moments.ts';

/** A backup, and what is replayed over it. */
export interface LogChoice {
  manifest: SnapshotManifest;
  log: PlannedLog;
  /** What the log has, or must have had, behind the chosen moment, and is of no use. */
  beyond: Beyond[];
  /** Why its time is not certain. */
  doubts: string[];
}

export interface ChooseOptions {
  /** `latest`, a time with its zone, or `<timeline>@<offset>`. */
  until: string;
  /** All that the repository has of the shard. */
  snapshots: readonly SnapshotManifest[];
  /** Begin with this backup and with no other. */
  only?: string;
  /** Backups that cannot be used, to name them where one is missing. */
  unusable?: readonly Beyond[];
  /** How the command is typed that names another moment. */
  naming?: Naming;
  signal?: AbortSignal;
}

/**
 * Finds the exact cut for a moment, and the newest backup from which the log goes on to it without a gap. Read-only.
 * @throws RecoveryError `ARCHIVE_GAP` with the nearest moments that can be restored; `INPUT_INVALID`
 */
export async function chooseFromLog(
  archive: Archive,
  { until, snapshots: all, only, unusable = [], naming, signal }: ChooseOptions,
): Promise<LogChoice> {
  const target = parseUntil(until);
  if (!target) throw noMoment(until);
  const { extents, damage, clocks } = await readExtents(archive, { signal });
  const cut = await findCut(archive, extents, target, signal);
  const snapshots = only === undefined ? all : all.filter(({ backupId }) => backupId === only);
  const decision = planArchive({ extents, snapshots, damage: [...damage, ...clocks], unusable }, target, cut);
  if ('refusal' in decision) throw refusalError(archive.instance, decision.refusal, naming);
  const { base, slices, logBytes, cut: chosen, lost } = decision.plan;
  const manifest = snapshots.find(({ backupId }) => backupId === base.backupId);
  if (!manifest) throw new RecoveryError('BACKUP_MISSING', `backup ${base.backupId} is gone`, { next: 'Plan again.' });
  const ranges = slices.length > 0 ? slices : [{ timelineId: chosen.timelineId, from: chosen.offset, to: chosen.offset }];
  const log = { until, ranges, bytes: logBytes, untilMs: chosen.atMs, endsMs: lost.toMs };
  return { manifest, log, beyond: newerThan(damage, chosen.atMs), doubts: doubtsAbout(chosen, target, extents, clocks) };
}

/** A stretch with a clock that was ahead may be the one that a time lies in, if it was stored after that time. */
function doubtsAbout(
  { timelineId, offset, late = [] }: Cut,
  target: ArchiveTarget,
  extents: readonly ArchiveExtent[],
  clocks: readonly Beyond[],
): string[] {
  const mayBeOf = (atMs: number, { id, from }: Beyond): boolean =>
    extents.some(
      ({ timeline, stretches }) =>
        timeline.timelineId === id &&
        stretches.some((one) => one.from === from && uncertainByClock(one).some((time) => liesIn(atMs, time))),
    );
  const isOfTheMoment = (one: Beyond): boolean => {
    const { id, from = 0, to = 0 } = one;
    return (id === timelineId && from <= offset && offset <= to) || (target.kind === 'time' && mayBeOf(target.atMs, one));
  };
  const whys = [...clocks.filter(isOfTheMoment).map(beyondText), ...lateText(late)];
  return whys.map((why) => `the moment is not certain: ${why}`);
}

/** What came too late to be dated is left out, and how to take it in. */
function lateText(late: readonly LateArrival[]): string[] {
  if (late.length === 0) return [];
  const bytes = late.reduce((sum, { from, to }) => sum + to - from, 0);
  const atMs = Math.max(...late.map((one) => one.atMs));
  const sinceMs = Math.min(...late.map((one) => one.sinceMs));
  return [
    `${formatBytes(bytes)} of the log behind it came late, by ${formatTime(atMs, 'seconds')}, and were written at any time since ` +
      `${formatTime(sinceMs, 'seconds')}: they are left out; \`--until ${new Date(atMs).toISOString()}\` takes them in`,
  ];
}

const noMoment = (until: string): RecoveryError =>
  new RecoveryError('INPUT_INVALID', `"${until}" is no moment`, {
    next: 'Give `latest`, a time with its zone, or an offset.',
  });
