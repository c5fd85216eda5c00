import { TTL_BOUNDS_SECONDS } from '../../model/backup/census.ts';
import {
  MANIFEST_FORMAT_VERSION,
  type RdbFacts,
  type ServerFacts,
  type SnapshotManifest,
  type SnapshotMethod,
  type SnapshotReason,
} from '../../model/backup/manifest.ts';
import { takenFromOf } from '../../model/backup/owner.ts';
import type { ShardRef } from '../../model/shard.ts';
import { createRdbReader, readRdbInPassing } from '../../redis/rdb/reader.ts';
import type { BackupRef } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { byteProgress, currentJob } from '../job-context.ts';

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
  deps: Dependencies,
  target: ProtectedInstance,
  source: RdbSource,
  { reason, method, server, clockOffsetMs, expected }: StoreRdbOptions,
): Promise<SnapshotManifest> {
  const repository = await deps.repository();
  return repository.snapshots(target).withClaim(source.takenAtMs, async (ref) => {
    const reader = createRdbReader({ classes: target.classes, takenAtMs: source.takenAtMs + clockOffsetMs });
    const total = totalOf(source) ?? expected;
    const { stored, storeOffsetMs } = await store(deps, target, ref, readRdbInPassing(source.rdb, reader), total);
    const { facts, census } = reader.end();
    const replication = { replid: source.replid ?? facts.replid ?? '', offset: source.offset ?? facts.replOffset ?? 0 };
    return {
      formatVersion: MANIFEST_FORMAT_VERSION,
      kind: 'snapshot',
      ...ref,
      reason,
      method,
      software: { name: 'redis-backup', version: deps.softwareVersion },
      server,
      ...(target.target ? { takenFrom: takenFromOf(target.target) } : {}),
      takenAs: target.connection.username ?? 'default',
      replication,
      times: {
        takenAt: new Date(source.takenAtMs).toISOString(),
        clockOffsetMs,
        storeOffsetMs,
        finishedAt: new Date(deps.now()).toISOString(),
      },
      stored,
      rdb: placedAs(replication, facts),
      census,
      ttlBoundsSeconds: [...TTL_BOUNDS_SECONDS],
    };
  });
}

async function store(
  deps: Dependencies,
  target: ProtectedInstance,
  ref: BackupRef,
  rdb: AsyncIterable<Buffer>,
  total: ExpectedSize,
) {
  const { signal } = currentJob();
  const repository = await deps.repository();
  const report = byteProgress('snapshot', deps.now, total);
  let storeOffsetMs = 0;
  const stored = await repository.snapshots(ref).write(ref, rdb, {
    signal,
    now: deps.now,
    onClock: (offsetMs) => {
      storeOffsetMs = offsetMs;
    },
    level: target.backup.compressionLevel,
    ...(deps.spool ? { spool: deps.spool } : {}),
    onProgress: ({ rawBytes, storedBytes }) => report(rawBytes, storedBytes),
  });
  return { stored, storeOffsetMs };
}

const totalOf = ({ totalBytes }: RdbSource): ExpectedSize => (totalBytes ? { bytes: totalBytes, estimated: false } : undefined);

/** Diskless Redis doesn't say how much will come: about as much as last time. */
export async function sizeOfLast(repository: Repository, of: ShardRef): Promise<ExpectedSize> {
  const last = (await repository.snapshots(of).list()).at(-1);
  return last && { bytes: last.rdb.bytes, estimated: true };
}

/** The connection knows the place. Of a server whose RDB names another one, the RDB proves none. */
function placedAs({ replid, offset }: SnapshotManifest['replication'], facts: RdbFacts): RdbFacts {
  if (facts.replid === replid && facts.replOffset === offset) return facts;
  const { replid: _, replOffset: __, ...rest } = facts;
  return rest;
}
