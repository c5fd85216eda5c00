import { setTimeout as sleep } from 'node:timers/promises';
import { lookAtServing } from '../../redis/serving-look.ts';
import { currentJob } from '../job-context.ts';
import { mayBeStopped } from '../watch/others.ts';
import type { World } from '../world.ts';

const EVERY_MS = 1000;
/** So many looks in a row: one may be a network that blinks. */
const LOOKS = 3;

/** A Redis that served and does not any more. */
export interface FailedAgain {
  /** When the first of the looks was. ISO 8601. */
  since: string;
  detail: string;
}

export const createStillServesActivities = (world: World) => ({
  /**
   * Watches a Redis that a recovery has brought back, until it fails or loads again; else until it is cancelled. What an
   * operation does that holds the lock, such as a restore, is no failure. Read-only; a retry begins anew.
   */
  async watchServing({ instance }: { instance: string }): Promise<FailedAgain> {
    const { signal, progress } = currentJob();
    const { connection } = await world.instance(instance);
    for (let failed = 0, since = 0; ; ) {
      const { verdict, detail } = await lookAtServing(connection);
      signal.throwIfAborted();
      progress({ stage: 'serving', note: `${verdict}: ${detail}` });
      const isGone = verdict === 'fails' || verdict === 'loading';
      if (isGone && failed === 0) since = world.now();
      failed = isGone && !(await isStopped(world, instance)) ? failed + 1 : 0;
      if (failed >= LOOKS) return { since: new Date(since).toISOString(), detail };
      await sleep(EVERY_MS, undefined, { signal });
    }
  },
});

/** Without Temporal nobody knows, and nothing could be started. */
const isStopped = (world: World, instance: string): Promise<boolean> =>
  mayBeStopped(world, instance).then(
    (holder) => holder !== undefined,
    () => true,
  );
