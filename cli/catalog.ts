import type { AofManifest } from '../model/backup/aof-manifest.ts';
import { backupsInOrder, takenAtMs } from '../model/backup/backup-time.ts';
import { latestBackup, noBackup } from '../model/backup/latest.ts';
import type { SnapshotManifest } from '../model/backup/manifest.ts';
import { type Beyond, newerThan, unusableBackup } from '../model/backup/unusable.ts';
import { type Restorable, restorableOf } from '../model/restore/restorable.ts';
import type { AskedShard, ShardRef } from '../model/shard.ts';
import type { Archive, Extents } from '../repository/archive/archive.ts';
import type { Repository } from '../repository/repository.ts';
import { LATEST } from './command.ts';

/**
 * One backup by its id, or `latest`, and with that what is newer and cannot be used.
 * @throws RecoveryError `BACKUP_MISSING`, `BACKUP_NONE`
 */
export async function findBackup(
  repository: Repository,
  of: ShardRef,
  backupId: string,
  nowMs: number,
): Promise<{ manifest: SnapshotManifest; beyond: Beyond[] }> {
  const snapshots = repository.snapshots(of);
  if (backupId !== LATEST) return { manifest: await snapshots.read(backupId), beyond: [] };
  const { manifests, problems } = await snapshots.listWithProblems();
  const unusable = problems.map((one) => unusableBackup(one.backupId, one.error.message));
  const manifest = latestBackup(manifests, nowMs);
  if (manifest) return { manifest, beyond: newerThan(unusable, takenAtMs(manifest)) };
  await repository.probe();
  throw noBackup(of.instance, unusable);
}

/** A copy of an append-only log by its id. A snapshot of the same second goes before it. */
export async function findAofBackup(repository: Repository, of: ShardRef, backupId: string): Promise<AofManifest | undefined> {
  if (backupId === LATEST) return undefined;
  if (await repository.snapshots(of).isTaken(backupId)) return undefined;
  const logs = repository.aof(of);
  return (await logs.isTaken(backupId)) ? logs.read(backupId) : undefined;
}

/** What a repository has of one instance: backups of all shards, oldest first, and what of it is of no use. */
export interface Catalog {
  instance: string;
  backups: SnapshotManifest[];
  /** Copies of its append-only log. */
  logs: AofManifest[];
  problems: { shard: string; backupId: string; message: string }[];
  /** Of the continuous log. */
  archive: CatalogedLog[];
  /** From when to when, by shard. */
  restorable: ({ shard: string } & Restorable)[];
}

/** What a shard has of the continuous log. */
export interface CatalogedLog {
  shard: string;
  /** The oldest and the newest write in it; absent where nothing of it can be read. */
  fromMs?: number;
  toMs?: number;
  damage: Beyond[];
  gaps: Beyond[];
  restarts: Beyond[];
  /** Parts of it whose times a wrong clock made. */
  clocks: Beyond[];
}

/** @param asked - with a shard: of that one alone */
export async function catalogOf(repository: Repository, { instance, shard: only }: AskedShard, nowMs: number): Promise<Catalog> {
  const catalog: Catalog = { instance, backups: [], logs: [], problems: [], archive: [], restorable: [] };
  const shards = (await repository.shards(instance)).filter((shard) => only === undefined || shard === only);
  // A directory that isn't mounted lists nothing either, and that must not read as "no backups".
  if (shards.length === 0) await repository.probe();
  for (const shard of shards) {
    const { manifests, problems } = await repository.snapshots({ instance, shard }).listWithProblems();
    const logs = await repository.aof({ instance, shard }).listWithProblems();
    catalog.backups.push(...backupsInOrder(manifests, nowMs));
    catalog.logs.push(...backupsInOrder(logs.manifests, nowMs));
    catalog.problems.push(
      ...[...problems, ...logs.problems].map(({ backupId, error }) => ({ shard, backupId, message: error.message })),
    );
    const { extents, late, archive } = await archiveOf(repository.archive({ instance, shard }));
    catalog.archive.push(...archive);
    catalog.restorable.push({ shard, ...restorableOf({ extents, late }, manifests, nowMs) });
  }
  return catalog;
}

async function archiveOf(log: Archive): Promise<Pick<Extents, 'extents' | 'late'> & { archive: CatalogedLog[] }> {
  const { shard } = log;
  const { extents, damage, gaps, restarts, clocks, late } = await log.extents({ late: true });
  if (extents.length === 0 && damage.length === 0) return { extents, late, archive: [] };
  const stretches = extents.flatMap((one) => one.stretches);
  const times = stretches.flatMap(({ firstAtMs, lastAtMs, storedAtMs = lastAtMs }) => [
    Math.min(firstAtMs, storedAtMs),
    storedAtMs,
  ]);
  const period = times.length === 0 ? {} : { fromMs: Math.min(...times), toMs: Math.max(...times) };
  return { extents, late, archive: [{ shard, ...period, damage, gaps, restarts, clocks }] };
}
