import type { AofManifest } from '../model/aof-manifest.ts';
import { RecoveryError } from '../model/errors.ts';
import { ONLY_SHARD } from '../model/instance.ts';
import { latestBackup } from '../model/latest.ts';
import type { SnapshotManifest } from '../model/manifest.ts';
import { AofBackups } from '../repository/aof-backups.ts';
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

/** A copy of an append-only log by its id. A snapshot of the same second goes before it. */
export async function findAofBackup(
  repository: Repository,
  instance: string,
  backupId: string,
): Promise<AofManifest | undefined> {
  if (backupId === LATEST) return undefined;
  const ref = { instance, shard: ONLY_SHARD, backupId };
  if (await repository.isTaken(ref)) return undefined;
  const logs = new AofBackups(repository.store);
  return (await logs.isTaken(ref)) ? logs.readManifest(ref) : undefined;
}

/** What a repository has of one instance: backups of all shards, oldest first, and manifests that cannot be read. */
export interface Catalog {
  instance: string;
  backups: SnapshotManifest[];
  /** Copies of its append-only log. */
  logs: AofManifest[];
  problems: { shard: string; backupId: string; message: string }[];
}

type Taken = Pick<SnapshotManifest, 'times'>;

export async function catalogOf(repository: Repository, instance: string): Promise<Catalog> {
  const catalog: Catalog = { instance, backups: [], logs: [], problems: [] };
  const shards = await repository.shards(instance);
  // A directory that isn't mounted lists nothing either, and that must not read as "no backups".
  if (shards.length === 0) await repository.store.probe();
  for (const shard of shards) {
    const { manifests, problems } = await repository.listWithProblems(instance, shard);
    const logs = await new AofBackups(repository.store).listWithProblems(instance, shard);
    catalog.backups.push(...manifests);
    catalog.logs.push(...logs.manifests);
    catalog.problems.push(
      ...[...problems, ...logs.problems].map(({ backupId, error }) => ({ shard, backupId, message: error.message })),
    );
  }
  const byTime = (a: Taken, b: Taken) => Date.parse(a.times.takenAt) - Date.parse(b.times.takenAt);
  catalog.backups.sort(byTime);
  catalog.logs.sort(byTime);
  return catalog;
}
