import type { Material } from '../../activities/scratch/material.ts';
import { RecoveryError } from '../../model/errors.ts';
import { isBackupId, ONLY_SHARD } from '../../model/instance.ts';
import { parseUntil } from '../../model/until.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import { chooseFromLog } from '../../repository/archive/choose.ts';
import type { Repository } from '../../repository/repository.ts';
import { findBackup } from '../catalog.ts';
import { LATEST } from '../command.ts';

/** What a clone is made of. */
export interface ChosenMoment extends Material {
  /** As of when its data is, milliseconds since 1970 by the worker's clock. */
  atMs: number;
  /** The same by the clock that the expiries are counted by. */
  serverAtMs: number;
}

/**
 * Finds the data of a moment: a backup alone for its id, else a backup and the log. `latest` of an instance without a log is
 * its newest backup.
 * @throws RecoveryError `INPUT_INVALID`, `BACKUP_MISSING`, `BACKUP_NONE`, `ARCHIVE_GAP`
 */
export async function chooseMoment(
  { repository, archive }: { repository: Repository; archive: Archive },
  moment: string,
  signal: AbortSignal,
): Promise<ChosenMoment> {
  const { instance } = archive;
  const target = parseUntil(moment);
  if (!target && !isBackupId(moment)) throw noMoment(moment);
  const alone = !target || (moment === LATEST && (await archive.timelines()).length === 0);
  if (alone) {
    const manifest = await findBackup(repository, instance, moment);
    return momentOf({ manifest }, Date.parse(manifest.times.takenAt));
  }
  const chosen = await chooseFromLog(archive, {
    until: moment,
    snapshots: await repository.list(instance, ONLY_SHARD),
    signal,
  });
  // Nothing was written between the cut and the moment that was asked for, but keys went on expiring.
  return momentOf(chosen, target.kind === 'time' ? target.atMs : chosen.log.untilMs);
}

const momentOf = (material: Material, atMs: number): ChosenMoment => ({
  ...material,
  atMs,
  serverAtMs: atMs + material.manifest.times.clockOffsetMs,
});

const noMoment = (moment: string): RecoveryError =>
  new RecoveryError('INPUT_INVALID', `"${moment}" is no moment and no backup id`, {
    next: 'Give `latest`, a time with its zone such as 2026-08-01T10:42:07Z, an offset as `redis-backup find-destructive` prints it, or a backup id.',
  });
