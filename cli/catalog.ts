import { RecoveryError } from '../model/errors.ts';
import { ONLY_SHARD, timeOfBackupId } from '../model/instance.ts';
import { latestBackup } from '../model/latest.ts';
import type { SnapshotManifest } from '../model/manifest.ts';
import type { Repository } from '../repository/repository.ts';

export const LATEST = 'latest';

/** One backup by its id, or `latest`. @throws RecoveryError `INPUT_INVALID`, `BACKUP_MISSING`, `BACKUP_NONE` */
export async function findBackup(repository: Repository, instance: string, backupId: string): Promise<SnapshotManifest> {
  if (backupId !== LATEST) {
    timeOfBackupId(backupId); // refuses what is no id, before it becomes part of a key
    return repository.readManifest({ instance, shard: ONLY_SHARD, backupId });
  }
  const latest = latestBackup(await repository.list(instance, ONLY_SHARD));
  if (latest) return latest;
  throw new RecoveryError('BACKUP_NONE', `there is no backup of ${instance}`, {
    next: `Take one with \`redis-backup backup ${instance}\`.`,
  });
}
