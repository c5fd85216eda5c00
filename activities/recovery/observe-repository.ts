import { takenAtMs } from '../../model/backup/backup-time.ts';
import { latestBackup } from '../../model/backup/latest.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { timeOfBackupId } from '../../model/instance.ts';
import type { ArchiveObservations, RepositoryObservations } from '../../model/recovery/observations.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { Dependencies } from '../dependencies.ts';
import { requireOwnRepository } from '../owner.ts';
import { type Bounded, bounded, missedIn } from './bounded.ts';

const STORE_MS = 4_000;
const LOOK_BACK_MS = 86_400_000;
const NO_LOG: Bounded<ArchiveObservations | null> = { value: null };

/** What the repository could bring back. A store that is slow or away blocks nobody: then it is not known. */
export async function observeRepository(deps: Dependencies, of: ShardRef, hasArchive: boolean): Promise<RepositoryObservations> {
  const snapshots = deps.repository().then((repository) => repository.snapshots(of).list());
  snapshots.catch(() => undefined); // told by whoever asks for them, unless that has failed before
  const [backup, log, replicas] = await Promise.all([
    bounded('the newest backup', STORE_MS, () => newestBackup(deps, of, snapshots)),
    hasArchive ? bounded('the continuous log', STORE_MS, () => newestLog(deps, of)) : NO_LOG,
    bounded('who followed it', STORE_MS, () => lastReplicas(deps, of, snapshots)),
  ]);
  return {
    ...(backup.missed === undefined ? { backup: backup.value } : {}),
    ...(log.missed === undefined ? { log: log.value } : {}),
    replicas: Object.keys(replicas.value ?? {}),
    ...(replicas.value ? { followedAt: replicas.value } : {}),
    unknown: missedIn(backup, log),
  };
}

type Snapshots = Promise<readonly SnapshotManifest[]>;

async function newestBackup(
  deps: Dependencies,
  of: ShardRef,
  snapshots: Snapshots,
): Promise<NonNullable<RepositoryObservations['backup']> | null> {
  await requireOwnRepository(deps, await deps.shard(of), 'nothing of it counts here');
  const found = latestBackup(await snapshots, deps.now());
  if (!found) return null;
  const { backupId, times, rdb, census, server, replication } = found;
  return { backupId, times, rdb, census, server, replication };
}

/**
 * For a Redis that cannot be asked any more, and for those that it does not name any more: who followed it when it was backed up or
 * measured, the last first, and when that was.
 */
async function lastReplicas(deps: Dependencies, of: ShardRef, snapshots: Snapshots): Promise<Record<string, string>> {
  const sinceMs = deps.now() - LOOK_BACK_MS;
  const measured = (await deps.repository()).baselines(of).list({ sinceMs });
  const backups = (await snapshots).filter((one) => takenAtMs(one) >= sinceMs);
  const seen = [
    ...backups.map((one) => ({ atMs: takenAtMs(one), replicas: one.server.replicas })),
    ...(await measured).map(({ baselineId, replicas }) => ({ atMs: timeOfBackupId(baselineId), replicas })),
  ].sort((one, other) => other.atMs - one.atMs);
  const found: Record<string, string> = {};
  for (const { atMs, replicas } of seen) for (const address of replicas) found[address] ??= new Date(atMs).toISOString();
  return found;
}

async function newestLog(deps: Dependencies, of: ShardRef): Promise<ArchiveObservations | null> {
  await requireOwnRepository(deps, await deps.shard(of), 'nothing of it counts here');
  const archive = await deps.archive(of);
  const timeline = await archive.newestTimeline();
  if (!timeline) return null;
  const { end, lastAtMs } = await archive.position(timeline.timelineId);
  const { timelineId, replid } = timeline;
  return { timelineId, replid, end, storedUpTo: new Date(lastAtMs).toISOString() };
}
