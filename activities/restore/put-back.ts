import { setTimeout as after } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import type { Undone } from '../../model/lock.ts';
import { runsIn } from '../../model/recovery/log-signatures.ts';
import { type KeysOfDatabase, missingAfterRestart } from '../../model/restore/keys-before.ts';
import type { RestorePlan } from '../../model/restore/plan/plan.ts';
import { discardStaged, hasMoved, putBack } from '../../platforms/data-directory.ts';
import type { Control } from '../../platforms/platform.ts';
import { openRedis } from '../../redis/client/client.ts';
import { isStandingRefusal } from '../../redis/client/errors.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl, requireFiles } from '../parts.ts';
import { awaitServing } from '../server/await-serving.ts';
import { startWithin } from '../server/start-within.ts';

/** What an undo entry of a restore carries: the lock that runs it is another workflow than the one that made it. */
export interface PutBackInput {
  plan: RestorePlan;
  operationId: string;
}

/** Steps of undoing a restore. Each is idempotent and right also when what it undoes never happened. */
export const createPutBackActivities = (deps: Dependencies) => {
  const layoutOf = async (plan: RestorePlan) => requireFiles(await deps.shard(plan)).open(plan.layout).layout;
  return {
    /** Whether the old data was moved at all: if not there is nothing to stop for, a supervisor may have brought it up again already. */
    async hasMovedData({ plan, operationId }: PutBackInput): Promise<{ moved: boolean }> {
      return { moved: await hasMoved(await layoutOf(plan), operationId) };
    },

    /** Ends whatever runs on the new data: it is refused, and nothing of it is worth a save. */
    async endRefused({ plan }: Pick<PutBackInput, 'plan'>): Promise<void> {
      await deps.requireLock(plan.instance);
      const { signal, progress } = currentJob();
      const target = await deps.shard(plan);
      const { open, noProgressMs } = requireControl(target);
      const platform = open();
      progress({ stage: 'put back', note: 'what runs on the refused data is ended' });
      if ((await platform.status()).running && !platform.restartsByItself) {
        await openRedis(target.connection, { connectTimeoutMs: HANGS_AFTER_MS, commandTimeoutMs: HANGS_AFTER_MS })
          .then((client) => client.command('SHUTDOWN', 'NOSAVE'))
          .catch(() => undefined); // it went, or doesn't listen: the platform ends it
      }
      await platform
        .stop(signal, platform.restartsByItself ? undefined : Math.min(noProgressMs, END_WITHIN_MS))
        .catch(async (error) => {
          const { identity } = await platform.status();
          if (identity === undefined || !(error instanceof RecoveryError && error.code === 'STOP_FAILED')) throw error;
          await platform.kill(identity, signal); // it hangs on the refused data
        });
    },

    /** Restores exactly the files that the restore found. Redis must be stopped, if any were moved. */
    async putBackFiles({ plan, operationId }: PutBackInput): Promise<void> {
      await deps.requireLock(plan.instance);
      currentJob().progress({ stage: 'put back', note: 'the old data comes back' });
      await putBack(await layoutOf(plan), operationId);
    },

    /**
     * Sees to it that Redis runs and serves. One that does not let us in is served all the same, and that is said; as is one that has
     * less than it had.
     * @param keys - what it had right before it was stopped, where that is known
     */
    async serveAgain({ plan, keys }: Pick<PutBackInput, 'plan'> & { keys?: KeysOfDatabase[] }): Promise<Undone> {
      await deps.requireLock(plan.instance);
      const { signal, progress } = currentJob();
      const target = await deps.shard(plan);
      const { open, noProgressMs } = requireControl(target);
      const platform = open();
      await startWithin(platform, noProgressMs, signal);
      try {
        await awaitServing(target, { untilRefused: true });
        return await comparedWith(keys ?? [], target, plan);
      } catch (error) {
        // Our own process on our own port says so: it serves, and who it lets in was so before the restore, too.
        if (!isStandingRefusal(error)) throw error;
        progress({ stage: 'put back', note: `it runs, and refuses us: ${error.message}. ${error.next}` });
        await untilLoadedByItsLog(platform, signal);
        return { remains: { code: 'PUT_BACK', because: error.message, next: error.next } };
      }
    },

    /** Deletes what was downloaded and not used. */
    async discardStaged({ plan, operationId }: PutBackInput): Promise<void> {
      await discardStaged(await layoutOf(plan), operationId);
    },
  };
};

async function comparedWith(
  before: KeysOfDatabase[],
  { connection }: ProtectedInstance,
  { layout }: RestorePlan,
): Promise<Undone> {
  using client = await openRedis(connection);
  const because = missingAfterRestart(before, (await client.info('keyspace')).keyspace());
  if (because === undefined) return {};
  return {
    remains: {
      code: 'OLD_DATA_MISSING',
      because,
      next: `Its files are in ${layout.dir} as the restore found them. See what redis.conf says of dir, appendonly and dbfilename, and what is mounted there; stop Redis before it writes over them.`,
    },
  };
}

/** One with refused data is worth no patience: clients wait, and it is killed then. */
const HANGS_AFTER_MS = 3_000;
const END_WITHIN_MS = 10_000;
const ASK_EVERY_MS = 200;
const LOG_LINES = 200;

/** One that loads refuses as one that serves does. Where nothing is known of its log, there is nothing to wait for. */
async function untilLoadedByItsLog(platform: Control, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { running } = await platform.status();
    const run = runsIn(await platform.logs(LOG_LINES)).at(-1);
    if (!running) throw endedLoading(platform);
    if (!run || run.ready) return;
    await after(ASK_EVERY_MS, undefined, { signal });
  }
}

const endedLoading = ({ description }: Control) =>
  new RecoveryError('START_FAILED', `${description} ended while it was loading its old data`, { next: 'Read its log.' });
