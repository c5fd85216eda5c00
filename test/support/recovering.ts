import { randomUUID } from 'node:crypto';
import { createFollowActivities } from '../../activities/archive/follow-stream.ts';
import { createSnapshotActivities } from '../../activities/backup/snapshot.ts';
import type { Dependencies, ProtectedInstance } from '../../activities/dependencies.ts';
import { type Progress, runAsJob } from '../../activities/job-context.ts';
import type { SnapshotManifest, SnapshotReason } from '../../model/backup/manifest.ts';
import { DEFAULT_DATA_CLASSES } from '../../model/data-class.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import type { RecoverySettings } from '../../model/recovery/settings.ts';
import { Archive } from '../../repository/archive/archive.ts';
import { Repository } from '../../repository/repository.ts';
import { MAIN } from '../fixtures/shard.ts';
import { MemoryStore } from '../repository/archive/memory-store.ts';
import type { RedisServer } from './redis-server.ts';
import { until } from './until.ts';

/** A real Redis with backups and a continuous log in memory, for activities that are called as the worker calls them. */
export class Recovering {
  readonly store = new MemoryStore();
  readonly repository = new Repository(this.store);
  readonly archive = new Archive(this.store, { instance: 'main', shard: '0' });
  readonly cancel = new AbortController();
  readonly operationId = `test-${randomUUID()}`; // directories are named by it
  readonly notes: string[] = [];
  readonly redis: RedisServer;
  readonly settings: RecoverySettings = {
    onDamage: 'serve-empty',
    restore: 'ask',
    restoreClasses: ['sessions'],
    sessionClass: 'sessions',
    tolerance: 0.01,
    askForMs: 1000,
    restartEveryMs: 1000,
    replicas: [],
    warmup: { tolerance: 0.05, windowMs: 100, windows: 3, minLookups: 10, limitMs: 5_000 },
  };

  constructor(redis: RedisServer) {
    this.redis = redis;
  }

  get deps(): Dependencies {
    const target: Partial<ProtectedInstance> = {
      ...MAIN,
      connection: this.redis.connection,
      classes: DEFAULT_DATA_CLASSES,
      backup: { method: 'replication', compressionLevel: 1, uncompressedFork: false },
      recovery: this.settings,
      archive: {
        segmentAgeMs: 100,
        segmentBytes: 1024 * 1024,
        restartDelayMs: 0,
        compactAfterMs: 3600_000,
        renamedCommands: {},
        moduleCommands: [],
      },
    };
    const deps: Partial<Dependencies> = {
      softwareVersion: '0.1.0',
      now: Date.now,
      instances: () => ['main'],
      requireLock: async () => undefined,
      instance: async () => ({ shards: [MAIN], retention: { keepWithinMs: 0 } as never }),
      shard: async () => target as ProtectedInstance,
      repository: async () => this.repository,
      archive: async () => this.archive,
      draining: new AbortController().signal,
    };
    return deps as Dependencies;
  }

  /** As the worker runs an activity. */
  job<T>(body: () => Promise<T>, signal: AbortSignal = this.cancel.signal): Promise<T> {
    const progress = ({ note = '' }: Progress) => void this.notes.push(note);
    return runAsJob({ attempt: 1, signal, operationId: this.operationId, progress }, body);
  }

  async backup(reason: SnapshotReason = 'scheduled'): Promise<SnapshotManifest> {
    const { storeSnapshot, publishSnapshot } = createSnapshotActivities(this.deps);
    return this.job(async () => {
      const draft = await storeSnapshot({ instance: 'main', shard: '0', reason, uncompressedFork: false });
      await publishSnapshot(draft);
      return draft.manifest;
    });
  }

  /** Follows the stream until all that Redis has written is stored. */
  async archiveAll(): Promise<void> {
    const stop = new AbortController();
    const following = this.job(() => createFollowActivities(this.deps).followStream(MAIN), stop.signal);
    following.catch(() => undefined);
    const offset = async () =>
      Number(/master_repl_offset:(\d+)/.exec(String(await this.redis.command('INFO', 'replication')))?.[1]);
    const runId = async () => /run_id:(\w+)/.exec(String(await this.redis.command('INFO', 'server')))?.[1];
    const isStored = async () => {
      const timeline = await this.archive.newestTimeline();
      if (!timeline || timeline.server.runId !== (await runId())) return false;
      return (await this.archive.position(timeline.timelineId)).end >= (await offset());
    };
    await until(isStored, { what: 'all is stored', seconds: 15 });
    stop.abort();
    await following.catch(() => undefined);
  }

  /** Sessions with a day to live. */
  async signIn(from: number, to: number, client?: { command(...args: string[]): Promise<unknown> }): Promise<void> {
    const redis = client ?? this.redis;
    await Promise.all(
      Array.from({ length: to - from }, (_, i) => redis.command('SET', `session:${from + i}`, 'someone', 'EX', '80000')),
    );
  }

  /** What is found when it has failed a moment ago. */
  assessment(parts: Partial<Assessment> = {}): Assessment {
    const at = new Date().toISOString();
    return { instance: 'main', at, since: at, failure: 'dead', ...parts } as Assessment;
  }
}
