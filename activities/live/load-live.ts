import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { RecoveryError } from '../../model/errors.ts';
import type { RestorePlan } from '../../model/plan.ts';
import { loadsLog, rehearsedResult } from '../../model/rehearsal.ts';
import { openRedis, type RedisClient } from '../../redis/client.ts';
import { type LiveConditions, readLiveConditions } from '../../redis/live/conditions.ts';
import { type OwnPersistence, ownPersistence } from '../../redis/live/own-persistence.ts';
import { type FollowSettings, prepareFollow, putBackSettings } from '../../redis/live/settings.ts';
import { awaitApplied, follow, promote } from '../../redis/live-load.ts';
import { type ServedPrimary, servePrimary } from '../../redis/replication/primary.ts';
import { giveBackChunk } from '../../repository/pipeline/give-back.ts';
import { currentJob, type JobContext } from '../job-context.ts';
import { type Staged, type StagedFile, stage } from '../stage.ts';
import type { World } from '../world.ts';
import { openSpoolDirectory, removeSpoolDirectory } from './spool-directory.ts';
import { listenHostOf } from './survey-live.ts';

/** Our primary is known by this user name: whoever undoes knows by it that Redis follows us and nobody else. */
const USER = 'redis-backup';

/** Far beyond its own offset: nobody who followed it can go on in the other history unnoticed. */
const OFFSET_LEAP = 2 ** 40;

export interface LiveLoad {
  runId: string;
  /** From REPLICAOF to promotion. */
  writesRefusedSeconds: number;
  endOffset: number;
}

export interface PutBackLiveInput {
  instance: string;
  /** Of the Redis before the first change. */
  settings: FollowSettings;
}

/** Redis follows the worker, which has everything on its own disk, checked, and is promoted when all of it is applied. */
export const createLiveActivities = (world: World) => ({
  /** Downloads and verifies backup and log on this machine. A retry takes what a finished attempt has left. */
  async stageLive({ plan }: { plan: RestorePlan }): Promise<Staged> {
    const rehearsed = rehearsedResult(plan);
    const neededBytes = rehearsed ? rehearsed.rdb.bytes : plan.rdbBytes + (plan.log?.bytes ?? 0);
    return stage(world, plan, await openSpoolDirectory(world, currentJob().operationId, neededBytes));
  },

  /** Undo: deletes what was downloaded for a live load. */
  async discardLive({ operationId }: { operationId: string }): Promise<void> {
    await removeSpoolDirectory(world, operationId);
  },

  /** What the load will change, as it is now: kept before it does. Read-only. @throws RecoveryError `TARGET_IDENTITY` */
  async readLiveSettings({ plan }: { plan: RestorePlan }): Promise<FollowSettings> {
    const target = await world.instance(plan.instance);
    using client = await openRedis(target.connection);
    const conditions = await readLiveConditions(client);
    if (conditions.runId !== plan.live?.runId) throw restarted(plan, conditions);
    return conditions.settings;
  },

  /**
   * Makes Redis follow this worker for the length of one load. A retry begins anew: until it is promoted the old data is
   * there. Ends with a Redis that is a primary again, whatever happened to the load.
   * @throws RecoveryError `LIVE_FAILED`
   */
  async loadLive({ plan, settings }: { plan: RestorePlan; settings: FollowSettings }): Promise<LiveLoad> {
    await world.requireLock(plan.instance);
    const { operationId } = currentJob();
    const target = await world.instance(plan.instance);
    const spool = await openSpoolDirectory(world, operationId, 0);
    const [rdb, log] = [await spool.rdb.find(), await spool.log.find()];
    if (!rdb || (loadsLog(plan) && !log)) throw notStaged(plan);
    using client = await openRedis(target.connection);
    const before = await readLiveConditions(client);
    if (before.runId !== plan.live?.runId) throw restarted(plan, before);
    const began = performance.now();
    try {
      const endOffset = await load(world, client, { plan, settings, before, rdb, log });
      return { runId: before.runId, endOffset, writesRefusedSeconds: (performance.now() - began) / 1000 };
    } finally {
      await letGo(target.connection, settings);
    }
  },

  /** Undo: Redis follows nobody of ours, and has its settings. Idempotent; right also when nothing had begun. */
  async putBackLive({ instance, settings }: PutBackLiveInput): Promise<void> {
    await world.requireLock(instance);
    await letGo((await world.instance(instance)).connection, settings);
  },

  /** Waits until Redis has the new data in its own files: until then a crash would bring the old data back. */
  async awaitOwnPersistence({ instance, runId }: { instance: string; runId: string }): Promise<{ persisted: OwnPersistence }> {
    await world.requireLock(instance);
    const { signal, progress } = currentJob();
    using client = await openRedis((await world.instance(instance)).connection);
    const persisted = await ownPersistence(client, { runId, signal, onProgress: (note) => progress({ stage: 'persist', note }) });
    return { persisted };
  },
});

interface Loading {
  plan: RestorePlan;
  settings: FollowSettings;
  before: LiveConditions;
  rdb: StagedFile;
  log: StagedFile | undefined;
}

async function load(world: World, client: RedisClient, { plan, settings, before, rdb, log }: Loading): Promise<number> {
  const { signal, progress } = currentJob();
  const host = plan.live?.workerAddress ?? '';
  const password = randomBytes(24).toString('hex');
  await using primary = await servePrimary({
    listenHost: listenHostOf(world, host),
    port: world.live?.port ?? 0,
    password,
    user: USER,
    identity: { replid: before.replid, offset: before.offset + OFFSET_LEAP },
    rdb: feedOf(rdb),
    ...(log && log.bytes > 0 ? { log: feedOf(log) } : {}),
    signal,
    onProgress: reportTo(progress, rdb.bytes + (log?.bytes ?? 0)),
  });
  await prepareFollow(client, settings, { password, user: USER, load: plan.live?.load ?? 'disk' });
  await follow(client, host, primary.port);
  primary.started();
  const { endOffset } = await primary.done;
  const { runId, unexpectedErrorReplies, maxmemoryBytes } = before;
  progress({ stage: 'load', note: 'all is applied; Redis frees the old data' });
  await awaitApplied(client, { host, port: primary.port, runId, unexpectedErrorReplies, maxmemoryBytes }, { signal });
  await promoteWhileServed(client, primary);
  return endOffset;
}

/** Closed first, Redis would count as a replica that has lost its primary: it is told while we are still there. */
async function promoteWhileServed(client: RedisClient, primary: ServedPrimary): Promise<void> {
  if (!primary.hasFollower)
    throw new RecoveryError('LIVE_FAILED', 'Redis has left before it was promoted', {
      next: 'Look into its log, and restore again.',
    });
  await promote(client);
}

const feedOf = ({ path, bytes }: StagedFile) => ({
  bytes,
  open: () => createReadStream(path, { highWaterMark: 1 << 20 }),
  onSent: giveBackChunk,
});

/** @param progress - of the job, taken before: sockets call from outside of it */
const reportTo =
  (progress: JobContext['progress'], totalBytes: number) =>
  ({ stage, sentBytes }: { stage: string; sentBytes: number }): void =>
    progress({ stage: 'load', doneBytes: sentBytes, totalBytes, note: stage });

/** On a connection of its own: the one of the load may be broken, and Redis answers as soon as our side is closed. */
async function letGo(connection: Parameters<typeof openRedis>[0], settings: FollowSettings): Promise<void> {
  using client = await openRedis(connection);
  const info = await client.info('replication');
  const { masteruser } = await client.configGet('masteruser');
  if (info.get('role') === 'slave' && masteruser === USER) await promote(client);
  if (masteruser === USER) await putBackSettings(client, settings);
}

const restarted = ({ instance, live }: RestorePlan, { runId }: LiveConditions): RecoveryError =>
  new RecoveryError(
    'TARGET_IDENTITY',
    `${instance} was planned as run ${live?.runId} and is run ${runId} now: it was restarted meanwhile`,
    {
      next: 'Find out who restarts it, then start the restore again.',
    },
  );

const notStaged = ({ instance }: RestorePlan): RecoveryError =>
  new RecoveryError('LIVE_FAILED', `the data for ${instance} is not on this machine`, { next: 'Start the restore again.' });
