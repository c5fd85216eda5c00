import { TTL_BOUNDS_SECONDS } from '../model/census.ts';
import { backupIdAt } from '../model/instance.ts';
import {
  MANIFEST_FORMAT_VERSION,
  type ServerFacts,
  type SnapshotManifest,
  type SnapshotMethod,
  type SnapshotReason,
} from '../model/manifest.ts';
import { createRdbReader, readRdbInPassing } from '../redis/rdb/reader.ts';
import type { Repository, SnapshotRef } from '../repository/repository.ts';
import { byteProgress, currentJob } from './job-context.ts';
import type { ProtectedInstance, World } from './world.ts';

/** One RDB on its way, whichever way it was had. */
export interface RdbSource {
  /** What the connection said; absent: what the RDB says of itself counts. */
  replid?: string;
  offset?: number;
  takenAtMs: number;
  totalBytes?: number;
  rdb: AsyncIterable<Buffer>;
}

/** How much will come, for those who watch. */
export type ExpectedSize = Parameters<typeof byteProgress>[2];

export interface StoreRdbOptions {
  shard: string;
  reason: SnapshotReason;
  method: SnapshotMethod;
  server: ServerFacts;
  /** Server's TIME minus ours. */
  clockOffsetMs: number;
  expected?: ExpectedSize;
}

/**
 * Streams one RDB into the repository, counting it on the way, and says what its manifest will be. Nobody sees it before that
 * is published. A retry takes another backup id.
 */
export async function storeRdb(
  world: World,
  target: ProtectedInstance,
  source: RdbSource,
  { shard, reason, method, server, clockOffsetMs, expected }: StoreRdbOptions,
): Promise<SnapshotManifest> {
  const repository = await world.repository();
  const ref = await freeRef(repository, { instance: target.name, shard }, source.takenAtMs);
  const reader = createRdbReader({ classes: target.classes, takenAtMs: source.takenAtMs + clockOffsetMs });
  const total = totalOf(source) ?? expected;
  const stored = await store(world, target, ref, readRdbInPassing(source.rdb, reader), total);
  const { facts, census } = reader.end();
  return {
    formatVersion: MANIFEST_FORMAT_VERSION,
    kind: 'snapshot',
    ...ref,
    reason,
    method,
    software: { name: 'redis-backup', version: world.softwareVersion },
    server,
    replication: { replid: source.replid ?? facts.replid ?? '', offset: source.offset ?? facts.replOffset ?? 0 },
    times: {
      takenAt: new Date(source.takenAtMs).toISOString(),
      clockOffsetMs,
      finishedAt: new Date(world.now()).toISOString(),
    },
    stored,
    rdb: facts,
    census,
    ttlBoundsSeconds: [...TTL_BOUNDS_SECONDS],
  };
}

async function store(world: World, target: ProtectedInstance, ref: SnapshotRef, rdb: AsyncIterable<Buffer>, total: ExpectedSize) {
  const { signal } = currentJob();
  const repository = await world.repository();
  const report = byteProgress('snapshot', world.now, total);
  return repository.writeSnapshot(ref, rdb, {
    signal,
    level: target.backup.compressionLevel,
    ...(world.spool ? { spool: world.spool } : {}),
    onProgress: ({ rawBytes, storedBytes }) => report(rawBytes, storedBytes),
  });
}

const totalOf = ({ totalBytes }: RdbSource): ExpectedSize => (totalBytes ? { bytes: totalBytes, estimated: false } : undefined);

/** Diskless Redis doesn't say how much will come: about as much as last time. */
export async function sizeOfLast(
  repository: Repository,
  { instance, shard }: Omit<SnapshotRef, 'backupId'>,
): Promise<ExpectedSize> {
  const last = (await repository.list(instance, shard)).at(-1);
  return last && { bytes: last.rdb.bytes, estimated: true };
}

/** The id is the second of the fork. Two forks within one second, a backup and a safety snapshot say, take two. */
async function freeRef(repository: Repository, { instance, shard }: { instance: string; shard: string }, takenAtMs: number) {
  let ref = { instance, shard, backupId: backupIdAt(takenAtMs) };
  for (let ms = takenAtMs; await repository.isTaken(ref); ms += 1000) ref = { ...ref, backupId: backupIdAt(ms) };
  return ref;
}
