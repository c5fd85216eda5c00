import { RecoveryError } from '../model/errors.ts';
import { ONLY_SHARD } from '../model/instance.ts';
import { latestBackup } from '../model/latest.ts';
import type { SnapshotManifest } from '../model/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { LATEST } from './command.ts';

/** One backup by its id, or `latest`. @throws RecoveryError `BACKUP_MISSING`, `BACKUP_NONE` */
export async function findBackup(repository: Repository, instance: string, backupId: string): Promise<SnapshotManifest> {
  if (backupId !== LATEST) return repository.readManifest({ instance, shard: ONLY_SHARD, backupId });
  const latest = latestBackup(await repository.list(instance, ONLY_SHARD));
  if (latest) return latest;
  await repository.store.probe();
  throw new RecoveryError('BACKUP_NONE', `there is no backup of ${instance}`, {
    next: `Take one with \`redis-backup backup ${instance}\`.`,
  });
}

/** What a repository has of one instance: backups of all shards, oldest first, and manifests that cannot be read. */
export interface Catalog {
  instance: string;
  backups: SnapshotManifest[];
  problems: { shard: string; backupId: string; message: string }[];
}

export async function catalogOf(repository: Repository, instance: string): Promise<Catalog> {
  const catalog: Catalog = { instance, backups: [], problems: [] };
  const shards = await repository.shards(instance);
  // A directory that isn't mounted lists nothing either, and that must not read as "no backups".
  if (shards.length === 0) await repository.store.probe();
  for (const shard of shards) {
    const { manifests, problems } = await repository.listWithProblems(instance, shard);
    catalog.backups.push(...manifests);
    catalog.problems.push(...problems.map(({ backupId, error }) => ({ shard, backupId, message: error.message })));
  }
  catalog.backups.sort((a, b) => Date.parse(a.times.takenAt) - Date.parse(b.times.takenAt));
  return catalog;
}
