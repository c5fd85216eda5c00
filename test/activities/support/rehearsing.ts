import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dependencies, FilesPart } from '../../../activities/dependencies.ts';
import { type Progress, runAsJob } from '../../../activities/job-context.ts';
import type { MemoryOf } from '../../../activities/restore/rehearsal/rehearse.ts';
import { createRehearsalActivities } from '../../../activities/restore/rehearsal.ts';
import type { RestorePlan, TargetFacts } from '../../../model/restore/plan/plan.ts';
import type { Rehearsal, RehearsalOutcome } from '../../../model/restore/rehearsal.ts';
import { chooseFromLog } from '../../../repository/archive/choose.ts';
import { Repository } from '../../../repository/repository.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { ownDirectory } from '../../support/processes.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { Following } from '../archive/following.ts';

export const CLASSES = [
  { name: 'sessions', pattern: 'session:*', expiry: 'fixed', onLoss: '' },
  { name: 'featureFlags', pattern: 'flag:*', expiry: 'fixed', onLoss: '' },
] as never[];

/** A Redis whose log is kept, and a worker that rehearses restores of it on the machine of a target. */
export class Rehearsing {
  readonly source: RedisServer;
  readonly following: Following;
  readonly spool = mkdtempSync(join(tmpdir(), 'redis-backup-spool-'));
  readonly progress: Progress[] = [];
  /** Of the target. */
  databases = 16;
  directives: [string, ...string[]][] = [];
  /** Absent: what this machine has. */
  memory: MemoryOf | undefined;
  program: string;
  readonly #ended: Promise<unknown>;

  private constructor(source: RedisServer) {
    ownDirectory(this.spool);
    this.source = source;
    this.program = source.binary.path;
    this.following = new Following(source);
    this.#ended = this.following.begin().ended;
  }

  /** @param source - has what the base is to have */
  static async of(source: RedisServer): Promise<Rehearsing> {
    const rehearsing = new Rehearsing(source);
    await rehearsing.following.untilFollowing();
    return rehearsing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.following.drain.abort();
    await this.#ended;
  }

  /** The offset that the source is at, once all up to there is stored. */
  async stored(): Promise<string> {
    const offset = await this.following.sourceAt();
    await this.source.command('SET', 'flag:1', 'on'); // a PING alone is not stored
    await until(async () => (await this.following.end()) > offset, { what: `offset ${offset} is stored` });
    const timeline = await this.following.archive.newestTimeline();
    return `${timeline?.timelineId}@${offset}`;
  }

  async plan(moment: string): Promise<RestorePlan> {
    const { archive, store } = this.following;
    const snapshots = await new Repository(store).snapshots({ instance: 'main', shard: '0' }).list();
    const { manifest, log } = await chooseFromLog(archive, { until: moment, snapshots });
    const { instance, shard, backupId, stored, rdb } = manifest;
    return {
      instance,
      shard,
      backupId,
      sha256: stored.sha256,
      rdbBytes: rdb.bytes,
      log,
      steps: [],
    } as Partial<RestorePlan> as RestorePlan;
  }

  /** Runs a step as an activity of one operation. */
  during<T>(body: (actions: ReturnType<typeof createRehearsalActivities>) => Promise<T>, options: Partial<Job> = {}): Promise<T> {
    const job = { signal: new AbortController().signal, operationId: randomUUID(), ...options };
    const actions = createRehearsalActivities(this.deps, this.memory);
    return runAsJob({ ...job, attempt: 1, progress: (one) => void this.progress.push(one) }, () => body(actions));
  }

  async rehearse(moment: string, { keep = false, ...job }: Partial<Job> & { keep?: boolean } = {}): Promise<RehearsalOutcome> {
    const plan = await this.plan(moment);
    return this.during((actions) => actions.rehearse({ plan, target: this.target, keep }), job);
  }

  async rehearsed(moment: string): Promise<Rehearsal> {
    const outcome = await this.rehearse(moment);
    if (outcome.done) return outcome;
    throw new Error(outcome.why);
  }

  /** What stands on the disk of the worker. */
  left(): string[] {
    return readdirSync(this.spool);
  }

  get target(): TargetFacts {
    const { product, version } = this.source.binary;
    const server = { product, version, databases: this.databases };
    return { clockOffsetMs: 0, server } as Partial<TargetFacts> as TargetFacts;
  }

  get deps(): Dependencies {
    const { following, spool } = this;
    const throwawayNeeds = async () => ({ program: this.program, directives: this.directives });
    const instance = {
      ...MAIN,
      connection: this.source.connection,
      classes: CLASSES,
      archive: following.settings,
      files: { isAtHand: true, throwawayNeeds } satisfies Partial<FilesPart>,
    };
    return {
      host: 'here',
      spool: { directory: spool, maxBytes: 2 ** 30 },
      now: Date.now,
      shard: async () => instance,
      repository: async () => new Repository(following.store),
      archive: async () => following.archive,
    } as unknown as Dependencies;
  }
}

interface Job {
  signal: AbortSignal;
  operationId: string;
}
