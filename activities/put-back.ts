import type { RestorePlan } from '../model/plan.ts';
import { discardStaged, putBack } from '../platforms/data-directory.ts';
import { openRedis } from '../redis/client.ts';
import { currentJob } from './job-context.ts';
import { requireProcess } from './places.ts';
import { awaitServing } from './serving.ts';
import type { World } from './world.ts';

/** What an undo entry of a restore carries: the lock that runs it is another workflow than the one that made it. */
export interface PutBackInput {
  plan: RestorePlan;
  operationId: string;
}

/** Undo of a restore. Each is idempotent and right also when what it undoes never happened. */
export const createPutBackActivities = (world: World) => ({
  /** Stops whatever runs on the new data and restores exactly the files that the restore found. */
  async putBackData({ plan, operationId }: PutBackInput): Promise<void> {
    await world.requireLock(plan.instance);
    const { signal, progress } = currentJob();
    const target = await world.instance(plan.instance);
    const platform = requireProcess(target).open();
    progress({ stage: 'put back', note: 'the old data comes back' });
    if ((await platform.status()).running && !platform.restartsByItself) {
      // What it holds is the refused data: nothing of it is worth a save.
      await openRedis(target.connection)
        .then((client) => client.command('SHUTDOWN', 'NOSAVE'))
        .catch(() => undefined); // it went, or doesn't listen: the platform ends it
    }
    await platform.stop(signal);
    await putBack(plan.layout, operationId);
  },

  /** Sees to it that Redis runs and serves. */
  async putBackServer({ plan }: PutBackInput): Promise<void> {
    await world.requireLock(plan.instance);
    const { signal } = currentJob();
    const target = await world.instance(plan.instance);
    const platform = requireProcess(target).open();
    await platform.start(signal);
    await awaitServing(target, platform);
  },

  /** Deletes what was downloaded and not used. */
  async discardStaged({ plan, operationId }: PutBackInput): Promise<void> {
    await discardStaged(plan.layout, operationId);
  },
});
