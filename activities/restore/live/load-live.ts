import { RecoveryError } from '../../../model/errors.ts';
import type { RestorePlan } from '../../../model/restore/plan/plan.ts';
import { loadsLog, rehearsedResult } from '../../../model/restore/rehearsal.ts';
import type { ShardRef } from '../../../model/shard.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { unlessGone } from '../../../redis/client/errors.ts';
import { readLiveConditions } from '../../../redis/live/conditions.ts';
import { type OwnPersistence, ownPersistence } from '../../../redis/live/own-persistence.ts';
import type { Dependencies } from '../../dependencies.ts';
import { currentJob } from '../../job-context.ts';
import { type Staged, stage } from '../stage.ts';
import { type LiveBefore, type LiveLoad, Load, letGo, restarted } from './load.ts';
import { openSpoolDirectory, removeSpoolDirectory, spoolDirectory } from './spool-directory.ts';

export interface PutBackLiveInput extends ShardRef {
  before: LiveBefore;
}

/** Redis follows the worker, which has everything on its own disk, checked, and is promoted when all of it is applied. */
export const createLiveActivities = (deps: Dependencies) => ({
  /** Downloads and verifies backup and log on this machine. A retry takes what a finished attempt has left. */
  async stageLive({ plan }: { plan: RestorePlan }): Promise<Staged> {
    const rehearsed = rehearsedResult(plan);
    const neededBytes = rehearsed ? rehearsed.rdb.bytes : plan.rdbBytes + (plan.log?.bytes ?? 0);
    return stage(deps, plan, await openSpoolDirectory(deps, currentJob().operationId, neededBytes));
  },

  /** Undo: deletes what was downloaded for a live load. */
  async discardLive({ operationId }: { operationId: string }): Promise<void> {
    await removeSpoolDirectory(deps, operationId);
  },

  /** What the load will change, as it is now: kept before it does. Read-only. @throws RecoveryError `TARGET_IDENTITY` */
  async readLiveSettings({ plan }: { plan: RestorePlan }): Promise<LiveBefore> {
    const target = await deps.shard(plan);
    using client = await openRedis(target.connection);
    const conditions = await readLiveConditions(client);
    if (conditions.runId !== plan.live?.runId) throw restarted(plan, conditions);
    return { settings: conditions.settings, offset: conditions.offset };
  },

  /**
   * Makes Redis follow this worker for the length of one load: old data until it has all of the RDB, and the new from then on. A
   * retry begins anew where the old data stands, and has nothing to do where the new does. A cancellation is obeyed until Redis
   * has the RDB. Ends with a Redis that is a primary again, whatever happened to the load, and says what it holds.
   * @throws RecoveryError `LIVE_FAILED`
   */
  async loadLive({ plan, before }: { plan: RestorePlan; before: LiveBefore }): Promise<LiveLoad> {
    await deps.requireLock(plan.instance);
    const target = await deps.shard(plan);
    const { operationId } = currentJob();
    const spool = await openSpoolDirectory(deps, operationId, 0);
    const [rdb, log] = [await spool.rdb.find(), await spool.log.find()];
    if (!rdb || (loadsLog(plan) && !log)) throw notStaged(plan);
    return new Load(deps, target, { plan, before, rdb, log, directory: spoolDirectory(deps, operationId) }).run();
  },

  /** Undo: Redis follows nobody of ours, and has its settings. Idempotent; right also when nothing had begun, or Redis is gone. */
  async putBackLive({ before, ...of }: PutBackLiveInput): Promise<void> {
    await deps.requireLock(of.instance);
    await unlessGone(letGo((await deps.shard(of)).connection, before.settings));
  },

  /** Waits until Redis has the new data in its own files: until then a crash would bring the old data back. */
  async awaitOwnPersistence({ runId, ...of }: ShardRef & { runId: string }): Promise<{ persisted: OwnPersistence }> {
    await deps.requireLock(of.instance);
    const { signal, progress } = currentJob();
    using client = await openRedis((await deps.shard(of)).connection);
    const persisted = await ownPersistence(client, { runId, signal, onProgress: (note) => progress({ stage: 'persist', note }) });
    return { persisted };
  },
});

const notStaged = ({ name }: RestorePlan): RecoveryError =>
  new RecoveryError('LIVE_FAILED', `the data for ${name} is not on this machine`, { next: 'Start the restore again.' });
