import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { RecoveryError } from '../../../model/errors.ts';
import type { RestorePlan } from '../../../model/restore/plan/plan.ts';
import type { RedisConnection } from '../../../redis/client/connection.ts';
import { type LiveConditions, readLiveConditions } from '../../../redis/live/conditions.ts';
import { awaitApplied, followPrimary, promote } from '../../../redis/live/live-load.ts';
import { type FollowSettings, prepareFollow, putBackSettings } from '../../../redis/live/settings.ts';
import { OFFSET_LEAP, type Standing, standingIn } from '../../../redis/live/standing.ts';
import { SteadyClient } from '../../../redis/live/steady.ts';
import { type PrimaryProgress, type ServedPrimary, servePrimary } from '../../../redis/replication/primary.ts';
import { releaseChunk } from '../../../repository/pipeline/release.ts';
import type { Dependencies, ProtectedInstance } from '../../dependencies.ts';
import { currentJob, type JobContext } from '../../job-context.ts';
import type { VerifiedFile } from '../stage.ts';
import { type Attempts, beginAttempt, endAttempt } from './attempts.ts';
import { type ConfigFileState, configFileBefore, mendConfigFile } from './config-file.ts';
import { listenHostOf } from './survey-live.ts';

/** A Redis before the first change of a load. */
export interface LiveBefore {
  settings: FollowSettings;
  /** Its own in the stream of replication: by this it is told which data stands there. */
  offset: number;
}

export interface LiveLoad {
  runId: string;
  /** From the first REPLICAOF to promotion, whatever came between. */
  writesRefusedSeconds: number;
  /** Changes that were accepted between two attempts, and overwritten by the next. */
  acceptedBetween: number;
  /** Somebody has run CONFIG REWRITE meanwhile. */
  configFile?: ConfigFileState;
}

/** Our primary is known by this user name: whoever undoes knows by it that Redis follows us and nobody else. */
const USER = 'redis-backup';

export interface Loading {
  plan: RestorePlan;
  before: LiveBefore;
  rdb: VerifiedFile;
  log: VerifiedFile | undefined;
  /** Where it lies. */
  directory: string;
}

/** One attempt of a live load. */
export class Load {
  readonly #deps: Dependencies;
  readonly #target: ProtectedInstance;
  readonly #loading: Loading;
  readonly #logBytes: number;

  constructor(deps: Dependencies, target: ProtectedInstance, loading: Loading) {
    this.#deps = deps;
    this.#target = target;
    this.#loading = loading;
    this.#logBytes = loading.log?.bytes ?? 0;
  }

  async run(): Promise<LiveLoad> {
    const { plan, directory } = this.#loading;
    using control = new SteadyClient(this.#target.connection);
    const now = await control.run(readLiveConditions);
    if (now.runId !== plan.live?.runId) throw restarted(plan, now);
    const attempts = await control.run(async (client) =>
      beginAttempt(directory, this.#deps.now(), await client.info('persistence')),
    );
    const before = await control.run((client) => configFileBefore(this.#target, client));
    const failed = (await this.#stands(control)) === 'new' ? undefined : await this.#load(control, now).then(nothing, asError);
    const refusedMs = this.#deps.now() - attempts.firstMs;
    const stands = await this.#end(control, attempts);
    if (failed && (stands !== 'new' || isOfTheLog(failed))) throw this.#saying(failed, stands);
    const configFile = await control.run((client) => mendConfigFile(this.#target, { client, before }));
    return {
      runId: now.runId,
      writesRefusedSeconds: refusedMs / 1000,
      acceptedBetween: attempts.accepted,
      ...(configFile ? { configFile } : {}),
    };
  }

  /** Over a connection of its own: that of the load may be broken, and Redis answers as soon as our side is closed. */
  async #end(control: SteadyClient, attempts: Attempts): Promise<Standing> {
    await letGo(this.#target.connection, this.#loading.before.settings);
    await control.run(async (client) => endAttempt(this.#loading.directory, attempts, await client.info('persistence')));
    return this.#stands(control);
  }

  #stands(control: SteadyClient): Promise<Standing> {
    const { offset } = this.#loading.before;
    return control.run(async (client) => standingIn(await client.info('replication'), { offset, logBytes: this.#logBytes }));
  }

  async #load(control: SteadyClient, now: LiveConditions): Promise<void> {
    const { plan, before, rdb, log } = this.#loading;
    const { signal, progress } = currentJob();
    const host = plan.live?.workerAddress ?? '';
    const password = randomBytes(24).toString('hex');
    using obeyed = new Obeyed(signal);
    const report = reportTo(progress, rdb.bytes + this.#logBytes);
    await using primary = await servePrimary({
      listenHost: listenHostOf(this.#deps, host),
      port: this.#deps.live?.port ?? 0,
      password,
      user: USER,
      identity: { replid: now.replid, offset: before.offset + OFFSET_LEAP },
      rdb: feedOf(rdb),
      ...(log && log.bytes > 0 ? { log: feedOf(log) } : {}),
      signal: obeyed.signal,
      onProgress: (one) => {
        if (HAS_THE_RDB.includes(one.stage)) obeyed.noLonger(); // what stands there is new, or becomes so by the rest
        report(one);
      },
    });
    await control.run((client) =>
      prepareFollow(client, before.settings, { password, user: USER, load: plan.live?.load ?? 'disk' }),
    );
    await control.run((client) => followPrimary(client, host, primary.port));
    primary.started();
    await primary.done;
    obeyed.noLonger();
    progress({ stage: 'load', note: 'all is applied; Redis frees the old data' });
    const { runId, unexpectedErrorReplies, maxmemoryBytes } = now;
    const expected = { host, port: primary.port, runId, unexpectedErrorReplies, maxmemoryBytes };
    await control.run((client) => awaitApplied(client, expected));
    await promoteWhileServed(control, primary);
  }

  /** The same error, and what stands there after it. A cancellation stays what it is: then it is the old data. */
  #saying(error: Error, stands: Standing): Error {
    if (!(error instanceof RecoveryError)) return error;
    const { name, backupId, safetySnapshot } = this.#loading.plan;
    const holds = {
      old: `${name} has its old data, and takes writes`,
      part: `${name} holds backup ${backupId} and a part of the log`,
      new: `${name} holds the restored data`,
    }[stands];
    const { taken } = safetySnapshot;
    const next =
      stands === 'old'
        ? ''
        : stands === 'part' && taken
          ? ' Its data before is being loaded back from the safety snapshot.'
          : ` Its data before is ${taken ? 'in the safety snapshot (`redis-backup list`)' : 'gone: no safety snapshot was taken'}.`;
    return new RecoveryError(error.code, `${error.message}; ${holds}`, { next: `${error.next}${next}`, cause: error });
  }
}

const nothing = (): undefined => undefined;
const asError = (error: Error): Error => error;
const isOfTheLog = (error: Error): boolean => error instanceof RecoveryError && error.code === 'LOG_REFUSED';

const HAS_THE_RDB: readonly PrimaryProgress['stage'][] = ['log', 'confirmed'];

/** A cancellation is passed on as long as it can be obeyed. */
class Obeyed implements Disposable {
  readonly #from: AbortSignal;
  readonly #controller = new AbortController();
  readonly #pass = (): void => this.#controller.abort(this.#from.reason);

  constructor(from: AbortSignal) {
    from.throwIfAborted();
    this.#from = from;
    from.addEventListener('abort', this.#pass, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  noLonger(): void {
    this.#from.removeEventListener('abort', this.#pass);
  }

  [Symbol.dispose](): void {
    this.noLonger();
  }
}

/** Closed first, Redis would count as a replica that has lost its primary: it is told while we are still there. */
async function promoteWhileServed(control: SteadyClient, primary: ServedPrimary): Promise<void> {
  if (!primary.hasFollower)
    throw new RecoveryError('LIVE_FAILED', 'Redis has left before it was promoted', {
      next: 'Look into its log, and restore again.',
    });
  await control.run(promote);
}

const feedOf = ({ path, bytes }: VerifiedFile) => ({
  bytes,
  open: () => createReadStream(path, { highWaterMark: 1 << 20 }),
  onSent: releaseChunk,
});

/** @param progress - of the job, taken before: sockets call from outside of it */
const reportTo =
  (progress: JobContext['progress'], totalBytes: number) =>
  ({ stage, sentBytes }: PrimaryProgress): void =>
    progress({ stage: 'load', doneBytes: sentBytes, totalBytes, note: stage });

/** Whatever else has happened: Redis is a primary again, with its settings. Idempotent. */
export async function letGo(connection: RedisConnection, settings: FollowSettings): Promise<void> {
  using control = new SteadyClient(connection);
  await control.run(async (client) => {
    const info = await client.info('replication');
    const { masteruser } = await client.configGet('masteruser');
    if (info.get('role') === 'slave' && masteruser === USER) await promote(client);
    if (masteruser === USER) await putBackSettings(client, settings);
  });
}

export const restarted = ({ name, live }: RestorePlan, { runId }: LiveConditions): RecoveryError =>
  new RecoveryError(
    'TARGET_IDENTITY',
    `${name} was planned as run ${live?.runId} and is run ${runId} now: it was restarted meanwhile`,
    {
      next: 'Find out who restarts it, then start the restore again.',
    },
  );
