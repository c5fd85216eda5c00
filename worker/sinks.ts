import type { InjectedSinks } from '@temporalio/worker';
import type { RecoverySinks } from '../workflows/recovery/page.ts';
import type { WatchSinks } from '../workflows/watch/start-recovery.ts';
import { countRecovery, observeQuestion } from './metrics.ts';

/** What workflows tell the figures of this worker. */
export const SINKS: InjectedSinks<WatchSinks & RecoverySinks> = {
  watch: { recoveryStarted: { fn: (_info, instance) => countRecovery(instance), callDuringReplay: false } },
  recovery: {
    // In a replay, too: that is how a worker which takes a recovery over learns what it asks.
    asks: { fn: ({ runId }, instance, answerBy) => observeQuestion(runId, instance, answerBy), callDuringReplay: true },
  },
};
