import { planArchive, refusalError } from '../model/archive-plan.ts';
import { RecoveryError } from '../model/errors.ts';
import type { SnapshotManifest } from '../model/manifest.ts';
import type { PlannedLog } from '../model/plan.ts';
import { parseUntil } from '../model/until.ts';
import { readExtents } from '../repository/archive/extents.ts';
import { findCut } from '../repository/archive/moments.ts';
import { currentJob } from './job-context.ts';
import type { World } from './world.ts';

/** A backup, and what is replayed over it. */
export interface LogChoice {
  manifest: SnapshotManifest;
  log: PlannedLog;
}

/**
 * Finds the exact cut for a moment, and the newest backup from which the log goes on to it without a gap. Read-only.
 * @param until - see RestoreInput
 * @param only - restore from this backup and from no other
 * @throws RecoveryError `ARCHIVE_GAP` with the nearest moments that can be restored; `INPUT_INVALID`
 */
export async function chooseFromLog(
  world: World,
  {
    instance,
    shard,
    until,
    all,
    only,
  }: { instance: string; shard: string; until: string; all: SnapshotManifest[]; only?: string },
): Promise<LogChoice> {
  const target = parseUntil(until);
  if (!target)
    throw new RecoveryError('INPUT_INVALID', `"${until}" is no moment`, {
      next: 'Give `latest`, a time with its zone, or an offset.',
    });
  const { signal, progress } = currentJob();
  progress({ stage: 'plan', note: 'looking for the moment in the log' });
  const archive = await world.archive(instance, shard);
  const { extents, problems } = await readExtents(archive, signal);
  const cut = await findCut(archive, extents, target, signal);
  const snapshots = only === undefined ? all : all.filter(({ backupId }) => backupId === only);
  const decision = planArchive({ extents, snapshots }, target, cut);
  if ('refusal' in decision) throw problems[0]?.error ?? refusalError(instance, decision.refusal);
  const { base, slices, logBytes, cut: chosen, lost } = decision.plan;
  const manifest = snapshots.find(({ backupId }) => backupId === base.backupId);
  if (!manifest) throw new RecoveryError('BACKUP_MISSING', `backup ${base.backupId} is gone`, { next: 'Plan again.' });
  const ranges = slices.length > 0 ? slices : [{ timelineId: chosen.timelineId, from: chosen.offset, to: chosen.offset }];
  return { manifest, log: { until, ranges, bytes: logBytes, untilMs: chosen.atMs, endsMs: lost.toMs } };
}
