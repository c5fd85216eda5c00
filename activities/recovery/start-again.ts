import { setTimeout as after } from 'node:timers/promises';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl } from '../parts.ts';
import { startWithin } from '../server/start-within.ts';
import { detachAll } from './replicas.ts';
import { quickInfo } from './shutdown.ts';

const LOOK_EVERY_MS = 500;
/** One that has been told to end may answer for a moment. */
const STEADY_LOOKS = 3;

interface StartAgainInput extends ShardRef {
  replicas?: Assessment['replicas'];
}

export const createStartAgainActivities = (deps: Dependencies) => ({
  /**
   * Undo of an act that ends a living Redis: starts it where that act ended it and nobody has started it since. One that is about
   * to end is waited for, one that hangs is left as it was. Idempotent.
   * @param replicas - those that it would wipe where it was ended without a save: they are let go before
   * @returns why it does not run: how it was before is no promise that it starts, and the next recovery must not wait for that
   */
  async startAgain({ replicas = [], ...of }: StartAgainInput): Promise<{ running: boolean; why?: string }> {
    await deps.requireLock(of.instance);
    const { signal, progress } = currentJob();
    const target = await deps.shard(of);
    const { open, noProgressMs } = requireControl(target);
    const platform = open();
    progress({ stage: 'start', note: `seeing whether ${platform.description} runs` });
    const begun = performance.now();
    for (let steady = 0; (await platform.status()).running; ) {
      steady = (await quickInfo(target).catch(() => true)) ? steady + 1 : 0; // a refusal is an answer
      if (steady >= STEADY_LOOKS || performance.now() - begun > noProgressMs) return { running: true };
      await after(LOOK_EVERY_MS, undefined, { signal });
    }
    await detachAll(target, replicas);
    try {
      await startWithin(platform, noProgressMs, signal);
      return { running: true };
    } catch (error) {
      if (!(error instanceof RecoveryError) || error.code !== 'START_FAILED') throw error;
      return { running: false, why: messageOf(error) };
    }
  },
});
