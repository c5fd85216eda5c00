import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { hasCode, RecoveryError } from '../../model/errors.ts';
import { timeOfBackupId } from '../../model/instance.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { Repository } from '../../repository/repository.ts';

/**
 * The manifest of the snapshot that a person has named.
 * @throws RecoveryError `INPUT_INVALID` for what is no id; `BACKUP_MISSING`, which says what to do with the id of a copied log
 */
export async function readNamed(repository: Repository, of: ShardRef, backupId: string): Promise<SnapshotManifest> {
  timeOfBackupId(backupId); // refuses what is no id, before it becomes part of a key
  const { instance } = of;
  try {
    return await repository.snapshots(of).read(backupId);
  } catch (error) {
    if (!hasCode(error, 'BACKUP_MISSING') || !(await repository.aof(of).isTaken(backupId))) throw error;
    throw new RecoveryError('BACKUP_MISSING', `${backupId} of ${instance} is no snapshot but a copy of its append-only log`, {
      next: `Restore it whole with \`redis-backup restore ${instance} --aof-backup ${backupId}\`, or look into it with \`redis-backup clone ${instance} --at ${backupId}\`.`,
      cause: error,
    });
  }
}
