import { messageOf, RecoveryError } from '../../../model/errors.ts';
import type { RestorePlan } from '../../../model/restore/plan/plan.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { unlessGone } from '../../../redis/client/errors.ts';
import { readLiveConditions } from '../../../redis/live/conditions.ts';
import { standingIn } from '../../../redis/live/standing.ts';
import type { Dependencies } from '../../dependencies.ts';
import { currentJob } from '../../job-context.ts';
import { stage } from '../stage.ts';
import { type LiveBefore, Load } from './load.ts';
import { openSpoolDirectory, removeSpoolDirectory, spoolDirectory } from './spool-directory.ts';

export interface LoadBackInput {
  plan: RestorePlan;
  before: LiveBefore;
  /** Of the log that was to be applied behind the RDB. */
  logBytes: number;
  safetyBackupId: string;
  operationId: string;
}

export const createLoadBackActivities = (deps: Dependencies) => ({
  /**
   * Undo of a live load that applies a log, and was cut off in it: loads the safety snapshot, for what stands there is neither
   * the old data nor the new. Changes nothing where one of them stands, or where Redis is gone or was restarted since. Idempotent.
   */
  async loadSafetyBack({ plan, before, logBytes, safetyBackupId, operationId }: LoadBackInput): Promise<{ loaded: boolean }> {
    await deps.requireLock(plan.instance);
    const target = await deps.shard(plan);
    const now = await unlessGone(standing());
    if (!now || now.runId !== plan.live?.runId || now.stands !== 'part') return { loaded: false };
    currentJob().progress({ stage: 'put back', note: `safety snapshot ${safetyBackupId} comes back` });
    const own = `${operationId}-back`;
    try {
      const manifest = await (await deps.repository()).snapshots(plan).read(safetyBackupId);
      const { log: _log, rehearsal: _rehearsal, aofBackup: _copy, ...rest } = plan;
      const back: RestorePlan = {
        ...rest,
        backupId: safetyBackupId,
        sha256: manifest.stored.sha256,
        rdbBytes: manifest.rdb.bytes,
      };
      const spool = await openSpoolDirectory(deps, own, manifest.rdb.bytes);
      await stage(deps, back, spool);
      const rdb = await spool.rdb.find();
      if (!rdb) throw new Error('the safety snapshot was staged and is not there');
      const directory = spoolDirectory(deps, own);
      await new Load(deps, target, { plan: back, before: now.before, rdb, log: undefined, directory }).run();
      return { loaded: true };
    } catch (error) {
      throw error instanceof RecoveryError ? holdsPart(plan, safetyBackupId, error) : error;
    } finally {
      await removeSpoolDirectory(deps, own);
    }

    async function standing() {
      using client = await openRedis(target.connection);
      const { runId, settings, offset } = await readLiveConditions(client);
      const stands = standingIn(await client.info('replication'), { offset: before.offset, logBytes });
      return { runId, stands, before: { settings, offset } };
    }
  },
});

const holdsPart = ({ name, backupId }: RestorePlan, safety: string, error: RecoveryError): RecoveryError =>
  new RecoveryError(
    error.code,
    `${name} holds backup ${backupId} and a part of the log, and its safety snapshot ${safety} could not be loaded back: ${messageOf(error)}`,
    { next: `${error.next} Then it is loaded back by itself, or: \`redis-backup restore ${name} ${safety}\`.`, cause: error },
  );
