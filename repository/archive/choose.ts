import { planArchive, refusalError } from '../../model/archive-plan.ts';
import { type Beyond, newerThan } from '../../model/beyond.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { SnapshotManifest } from '../../model/manifest.ts';
import type { PlannedLog } from '../../model/plan.ts';
import { parseUntil } from '../../model/until.ts';
import type { Archive } from './archive.ts';
import { readExtents } from './extents.ts';
import { findCut } from './moments.ts';

/** A backup, and what is replayed over it. */
export interface LogChoice {
  manifest: SnapshotManifest;
  log: PlannedLog;
  /** What the log has, or must have had, behind the chosen moment, and is of no use. */
  beyond: Beyond[];
}

export interface ChooseOptions {
  /** `latest`, a time with its zone, or `<timeline>@<offset>`. */
  until: string;
  /** All that the repository has of the shard. */
  snapshots: readonly SnapshotManifest[];
  /** Begin with this backup and with no other. */
  only?: string;
  signal?: AbortSignal;
}

/**
 * Finds the exact cut for a moment, and the newest backup from which the log goes on to it without a gap. Read-only.
 * @throws RecoveryError `ARCHIVE_GAP` with the nearest moments that can be restored; `INPUT_INVALID`
 */
export async function chooseFromLog(
  archive: Archive,
  { until, snapshots: all, only, signal }: ChooseOptions,
): Promise<LogChoice> {
  const target = parseUntil(until);
  if (!target) throw noMoment(until);
  const { extents, damage } = await readExtents(archive, signal);
  const cut = await findCut(archive, extents, target, signal);
  const snapshots = only === undefined ? all : all.filter(({ backupId }) => backupId === only);
  const decision = planArchive({ extents, snapshots, damage }, target, cut);
  if ('refusal' in decision) throw refusalError(archive.instance, decision.refusal);
  const { base, slices, logBytes, cut: chosen, lost } = decision.plan;
  const manifest = snapshots.find(({ backupId }) => backupId === base.backupId);
  if (!manifest) throw new RecoveryError('BACKUP_MISSING', `backup ${base.backupId} is gone`, { next: 'Plan again.' });
  const ranges = slices.length > 0 ? slices : [{ timelineId: chosen.timelineId, from: chosen.offset, to: chosen.offset }];
  const log = { until, ranges, bytes: logBytes, untilMs: chosen.atMs, endsMs: lost.toMs };
  return { manifest, log, beyond: newerThan(damage, chosen.atMs) };
}

const noMoment = (until: string): RecoveryError =>
  new RecoveryError('INPUT_INVALID', `"${until}" is no moment`, {
    next: 'Give `latest`, a time with its zone, or an offset.',
  });
