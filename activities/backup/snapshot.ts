import { createReadStream } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { CLOCK_DOUBT_MS } from '../../model/backup/backup-time.ts';
import type { ServerFacts, SnapshotManifest, SnapshotReason } from '../../model/backup/manifest.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatDuration } from '../../model/format.ts';
import type { ShardRef } from '../../model/shard.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { unlessGone } from '../../redis/client/errors.ts';
import { takeBgsave } from '../../redis/persistence/bgsave.ts';
import {
  openUncompressedFork,
  putBackRdbCompression,
  type UncompressedFork,
  usesRdbCompression,
} from '../../redis/persistence/rdb-compression.ts';
import { openRdbStream } from '../../redis/replication/replica.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { claimRepository, refuseAnothersRepository } from '../owner.ts';
import { filesThatItNames } from '../parts.ts';
import { type RdbSource, sizeOfLast, storeRdb } from './store-rdb.ts';

/** A snapshot whose bytes are stored and that nobody sees yet. */
export interface SnapshotDraft {
  manifest: SnapshotManifest;
  seconds: number;
  warnings: string[];
}

export interface SnapshotAssessment {
  warnings: string[];
  /** Redis writes it to its data directory, and it is taken from there. */
  fromFiles: boolean;
  /** Whether the configuration asks for `rdbcompression no` at the fork, and Redis compresses else. */
  uncompressedFork: boolean;
}

/** With what is to be closed in the end. */
type OpenSource = RdbSource & { close(): Promise<void> };

export const createSnapshotActivities = (deps: Dependencies) => ({
  /** Looks whether a snapshot can be taken. Read-only. */
  async assessSnapshot(of: ShardRef): Promise<SnapshotAssessment> {
    const target = await deps.shard(of);
    const { name } = target;
    using client = await openRedis(target.connection);
    const info = await client.info();
    if (info.flag('loading')) {
      throw new RecoveryError('REDIS_NOT_READY', `${name} is loading its data and gives no snapshot meanwhile`, {
        next: 'Nothing to do: the backup goes on when it has loaded.',
      });
    }
    const warnings: string[] = [];
    const keys = info.keyspace().reduce((sum, database) => sum + database.keys, 0);
    if (keys === 0) warnings.push(`${name} is empty: this snapshot holds nothing and takes no good one's place`);
    if (info.get('role') === 'slave')
      warnings.push(`${name} is a replica: keys that have expired but were not deleted are counted`);
    const fromFiles = target.backup.method === 'bgsave' && target.files !== undefined;
    const compressed = target.backup.uncompressedFork ? await usesRdbCompression(client) : false;
    if (compressed === undefined) warnings.push(`rdbcompression stays on: CONFIG of ${name} is disabled, or has another name`);
    return { warnings, fromFiles, uncompressedFork: compressed ?? false };
  },

  /**
   * Streams one RDB into the repository, counting it on the way. A retry is a new fork with a new backup id: what a dead
   * attempt left has no manifest, is never listed, and is swept after a day.
   */
  storeSnapshot: (input: SnapshotInput): Promise<SnapshotDraft> => storeSnapshot(deps, input),

  /** The same of an RDB that Redis writes beside its data (BGSAVE). */
  storeSavedSnapshot: (input: SnapshotInput): Promise<SnapshotDraft> => storeSnapshot(deps, input),

  /** Asks the store whether it has what was sent. Read-only. */
  async verifySnapshot({ manifest }: SnapshotDraft): Promise<void> {
    await (await deps.repository()).snapshots(manifest).verify(manifest);
  },

  /** Writes the manifest: from now on the snapshot exists. A retry finds its own manifest there and is content. */
  async publishSnapshot({ manifest }: SnapshotDraft): Promise<void> {
    await deps.requireLock(manifest.instance);
    await (await deps.repository()).snapshots(manifest).publish(manifest);
  },

  /** Undo: sets `rdbcompression` back to yes. Idempotent; a Redis that is gone took the setting with it. */
  async putBackRdbCompression(of: ShardRef): Promise<void> {
    const target = await deps.shard(of);
    using client = await unlessGone(openRedis(target.connection));
    if (!client) return;
    await putBackRdbCompression(client);
  },
});

export interface SnapshotInput extends ShardRef {
  reason: SnapshotReason;
  uncompressedFork: boolean;
}

async function storeSnapshot(deps: Dependencies, input: SnapshotInput): Promise<SnapshotDraft> {
  await deps.requireLock(input.instance);
  const target = await deps.shard(input);
  const repository = await deps.repository();
  const began = deps.now();
  await repository.requireFence(began);
  const expected = await sizeOfLast(repository, input); // before the fork: a store that is away costs Redis none
  using client = await openRedis(target.connection);
  await refuseAnothersRepository(deps, target, client);
  const server = await readServerFacts(client);
  const clockOffsetMs = Math.round((await client.time()) - deps.now());
  const savedIn = target.backup.method === 'bgsave' ? filesThatItNames(target, server.policy).dir : undefined;
  const guard = input.uncompressedFork ? await openUncompressedFork(client, await freeDiskBytes(target, server)) : undefined;
  const source = await openSource(deps, target, client, { server, guard, savedIn });
  try {
    await claimRepository(deps, target, client, began); // there is something to store, and only now
    const manifest = await storeRdb(deps, target, source, {
      reason: input.reason,
      method: target.backup.method,
      server: guard ? { ...server, policy: { ...server.policy, rdbcompression: 'yes' } } : server,
      clockOffsetMs,
      expected,
    });
    return { manifest, seconds: (deps.now() - began) / 1000, warnings: warningsOf(manifest, guard) };
  } finally {
    await source.close();
    await guard?.putBack(); // idempotent; the lock's undo list is for those who don't get here
  }
}

/** Only where its files are reached: the same path elsewhere is another disk. */
async function freeDiskBytes(target: ProtectedInstance, server: ServerFacts): Promise<number | undefined> {
  if (!target.files?.isAtHand) return undefined;
  if (server.policy.dir === '') return undefined;
  const { bavail, bsize } = await statfs(filesThatItNames(target, server.policy).dir);
  return bavail * bsize;
}

async function openSource(
  deps: Dependencies,
  target: ProtectedInstance,
  client: RedisClient,
  { server, guard, savedIn }: { server: ServerFacts; guard: UncompressedFork | undefined; savedIn: string | undefined },
): Promise<OpenSource> {
  const { signal, progress } = currentJob();
  if (savedIn !== undefined) {
    const saved = await takeBgsave(client, {
      dir: savedIn,
      signal,
      onProgress: (note) => progress({ stage: 'BGSAVE', note }),
    });
    const rdb = createReadStream(saved.path, { highWaterMark: 1 << 20 });
    return { takenAtMs: saved.savedAtMs, rdb, close: () => saved.release() };
  }
  let takenAtMs = deps.now();
  const stream = await openRdbStream(target.connection, {
    signal,
    lends: true, // the compressor copies them
    product: server.product,
    onWaiting: (note) => progress({ stage: 'waiting for the fork', note }),
    async onFullResync() {
      takenAtMs = deps.now();
      await guard?.putBack(); // the child has taken the setting over
    },
  });
  const { replid, offset, totalBytes, body } = stream;
  return { replid, offset, takenAtMs, rdb: body, close: async () => stream.close(), ...(totalBytes ? { totalBytes } : {}) };
}

function warningsOf({ rdb, times }: SnapshotManifest, guard: UncompressedFork | undefined): string[] {
  return [
    ...clockWarnings(times),
    ...(rdb.crc64 === 'unchecked' ? ['the server runs with rdbchecksum no: nothing proves that Redis wrote what it meant'] : []),
    ...(rdb.parsed ? [] : [`not every key could be counted: ${rdb.unparsed ?? 'unknown format'}`]),
    ...(guard?.refusedBecause ? [`rdbcompression stayed on: ${guard.refusedBecause}`] : []),
  ];
}

/** A backup with a wrong date says so at the time: later nobody knows any more. */
function clockWarnings({ clockOffsetMs, storeOffsetMs = 0 }: SnapshotManifest['times']): string[] {
  const differs = (ms: number): boolean => Math.abs(ms) > CLOCK_DOUBT_MS;
  const how = (ms: number): string => `${formatDuration(Math.abs(ms))} ${ms < 0 ? 'ahead of' : 'behind'}`;
  return [
    ...(differs(storeOffsetMs)
      ? [`the clock of the worker is ${how(storeOffsetMs)} that of the store, whose time the order of backups goes by`]
      : []),
    ...(differs(clockOffsetMs)
      ? [`the clock of the worker is ${how(clockOffsetMs)} that of Redis, whose time its keys expire by`]
      : []),
  ];
}
