import { asSnapshot, logOf } from '../../activities/restore/aof-source.ts';
import type { LogCommands } from '../../activities/restore/replay-log.ts';
import type { RestoreSource } from '../../activities/throwaway/restore-source.ts';
import { takenAtMs } from '../../model/backup/backup-time.ts';
import { type Beyond, newerThan, unusableBackup } from '../../model/backup/unusable.ts';
import { RecoveryError } from '../../model/errors.ts';
import { isBackupId } from '../../model/instance.ts';
import { latestRefusal, type Naming } from '../../model/restore/plan/unusable.ts';
import { parseUntil } from '../../model/restore/until.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import { chooseFromLog } from '../../repository/archive/choose.ts';
import type { Repository } from '../../repository/repository.ts';
import { findAofBackup, findBackup } from '../catalog.ts';
import { LATEST } from '../command.ts';

/** What a clone is made of. */
export interface ChosenMoment extends RestoreSource {
  /** As of when its data is, milliseconds since 1970 by the worker's clock. */
  atMs: number;
  /** The same by the clock that the expiries are counted by. */
  serverAtMs: number;
  /** What may be missing of the moment that was asked for, each as a sentence. */
  doubts: string[];
}

/**
 * Finds the data of a moment: a backup alone for its id, or a copy of a log, whole; else a backup and the log. `latest` of an
 * instance without a log is its newest backup.
 * @throws RecoveryError `INPUT_INVALID`, `BACKUP_MISSING`, `BACKUP_NONE`, `ARCHIVE_GAP`; `RESTORE_REFUSED` for a
 *   `latest` that leaves out what cannot be used
 */
export async function chooseMoment(
  {
    repository,
    archive,
    commands = {},
    nowMs,
  }: { repository: Repository; archive: Archive; commands?: LogCommands; nowMs: number },
  moment: string,
  signal: AbortSignal,
): Promise<ChosenMoment> {
  const { instance, shard } = archive;
  const of = { instance, shard };
  const target = parseUntil(moment);
  if (!target && !isBackupId(moment)) throw noMoment(moment);
  const alone = !target || (moment === LATEST && (await archive.timelines()).length === 0);
  if (alone) {
    const copied = await findAofBackup(repository, of, moment);
    if (copied) return momentOf({ manifest: asSnapshot(copied), log: logOf(copied, commands), copied }, takenAtMs(copied));
    const { manifest, beyond } = await findBackup(repository, of, moment, nowMs);
    if (moment === LATEST) refuseUnnamed(instance, { manifest, beyond });
    return momentOf({ manifest }, Date.parse(manifest.times.takenAt));
  }
  const { manifests: snapshots, problems } = await repository.snapshots(of).listWithProblems();
  const unusable = problems.map(({ backupId, error }) => unusableBackup(backupId, error.message));
  const chosen = await chooseFromLog(archive, { until: moment, snapshots, unusable, naming: namingOf(instance), signal });
  const beyond = [...newerThan(unusable, chosen.log.untilMs), ...chosen.beyond];
  if (moment === LATEST) refuseUnnamed(instance, { ...chosen, beyond });
  // Nothing was written between the cut and the moment that was asked for, but keys went on expiring: if that is certain.
  const isCertain = chosen.doubts.length === 0;
  return momentOf(chosen, target.kind === 'time' && isCertain ? target.atMs : chosen.log.untilMs, chosen.doubts);
}

/** @throws RecoveryError `RESTORE_REFUSED` where `latest` leaves something out */
function refuseUnnamed(instance: string, { manifest, log, beyond }: RestoreSource & { beyond: readonly Beyond[] }): void {
  const chosen = { instance, backupId: manifest.backupId, takenAtMs: takenAtMs(manifest), ...(log ? { log } : {}), beyond };
  const refusal = latestRefusal(chosen, namingOf(instance));
  if (refusal) throw new RecoveryError(refusal.code, refusal.message, { next: refusal.next });
}

function namingOf(instance: string): Naming {
  const named = (at: string): string => `redis-backup clone ${instance} --at ${at}`;
  return { until: named, backup: named };
}

const momentOf = (restoreSource: RestoreSource, atMs: number, doubts: string[] = []): ChosenMoment => ({
  ...restoreSource,
  atMs,
  doubts,
  serverAtMs: atMs + restoreSource.manifest.times.clockOffsetMs,
});

const noMoment = (moment: string): RecoveryError =>
  new RecoveryError('INPUT_INVALID', `"${moment}" is no moment and no backup id`, {
    next: 'Give `latest`, a time with its zone such as 2026-08-01T10:42:07Z, an offset as `redis-backup find-destructive` prints it, or a backup id.',
  });
