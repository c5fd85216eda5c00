import { createFollowActivities } from '../../../activities/archive/follow-stream.ts';
import type { Dependencies, ProtectedInstance } from '../../../activities/dependencies.ts';
import { type Progress, runAsJob } from '../../../activities/job-context.ts';
import type { FollowResult, Rpo } from '../../../model/archive/archiving.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { Repository } from '../../../repository/repository.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { MemoryStore } from '../../repository/archive/memory-store.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

/** A real Redis, a store that fails when it is told to, and a worker that can drain and be cancelled. */
export class Following {
  readonly store = new MemoryStore();
  readonly archive = new Archive(this.store, { instance: 'main', shard: '0' });
  readonly drain = new AbortController();
  readonly cancel = new AbortController();
  readonly redis: RedisServer;
  readonly notes: string[] = [];
  /** Bytes of the timeline. */
  came = 0;
  rpo: Rpo | undefined;
  /** What would be lost now, as it was last told. */
  seconds = 0;
  /** Of the clock of the worker. */
  aheadMs = 0;
  /** How often it looks for what it has stored. */
  lookEveryMs = 60_000;
  onNote: (note: string) => unknown = () => undefined;
  settings = {
    segmentAgeMs: 1000,
    segmentBytes: 8 * 1024 * 1024,
    restartDelayMs: 0,
    compactAfterMs: 0,
    renamedCommands: {},
    moduleCommands: [],
  };

  readonly #parts: Partial<ProtectedInstance>;
  /** One worker, which remembers what the stays before have seen. */
  #worker: ReturnType<typeof createFollowActivities> | undefined;

  /** @param parts - of the instance, such as its platform */
  constructor(redis: RedisServer, parts: Partial<ProtectedInstance> = {}) {
    this.redis = redis;
    this.#parts = parts;
  }

  follow(): Promise<FollowResult> {
    const progress = ({ note = '', doneBytes = 0, rpoSeconds = 0 }: Progress) => {
      this.seconds = rpoSeconds;
      this.notes.push(note);
      this.came = doneBytes;
      this.onNote(note);
    };
    const job = { attempt: 1, signal: this.cancel.signal, operationId: 'test', progress };
    this.#worker ??= createFollowActivities(this.#deps() as Dependencies, { lookEveryMs: this.lookEveryMs });
    const { followStream } = this.#worker;
    return runAsJob(job, () => followStream(MAIN));
  }

  #deps(): Partial<Dependencies> {
    const { redis, settings } = this;
    const target = {
      ...MAIN,
      connection: redis.connection,
      classes: [],
      archive: settings,
      backup: { compressionLevel: 1 },
      ...this.#parts,
    };
    return {
      softwareVersion: 'test',
      now: () => Date.now() + this.aheadMs,
      shard: async () => target as never,
      repository: async () => new Repository(this.store),
      archive: async () => this.archive,
      draining: this.drain.signal,
      archiver: {
        detach: async () => false,
        attach: async () => undefined,
        tellRpo: async (_instance, rpo) => {
          this.rpo = rpo;
        },
      },
    };
  }

  /** The same, when it has begun to follow. */
  async begun(): Promise<{ ended: Promise<FollowResult> }> {
    const following = this.begin();
    await this.untilFollowing();
    return following;
  }

  /** Its promise never goes unhandled: whoever wants to know awaits it. */
  begin(): { ended: Promise<FollowResult> } {
    const ended = this.follow();
    ended.catch(() => undefined);
    return { ended };
  }

  untilFollowing = () => until(() => this.notes.at(-1)?.startsWith('stored up to') ?? false, { what: 'it follows', seconds: 10 });

  async end(): Promise<number> {
    const timeline = await this.archive.newestTimeline();
    return timeline ? (await this.archive.position(timeline.timelineId)).end : -1;
  }

  async sourceAt(): Promise<number> {
    return Number(/master_repl_offset:(\d+)/.exec(String(await this.redis.command('INFO', 'replication')))?.[1]);
  }
}
