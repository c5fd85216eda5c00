import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import { controlOf } from '../../model/placement.ts';
import type { ShardRef } from '../../model/shard.ts';
import { type WatchView, type Witnesses, type WitnessView, withAlarm } from '../../model/watch/watch.ts';
import { runStep } from '../steps/run-step.ts';

/** All three sides: what the worker saw, the machine of the Redis, and the applications, for which an alarm may speak. */
export async function witnessesOf(of: ShardRef, view: WatchView, alarm: { by: string } | undefined): Promise<Witnesses> {
  const { worker, application, hasControl } = view;
  const platform: WitnessView = hasControl
    ? await observeProcess(of)
    : { verdict: 'unknown', detail: 'its process is not configured to be reached' };
  return { worker, platform, application: withAlarm(application, alarm) };
}

async function observeProcess(of: ShardRef): Promise<WitnessView> {
  try {
    return await runStep('observeProcess', of, { at: controlOf(of), summary: 'look for its process' });
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return { verdict: 'unknown', detail: 'nobody answers who could see its process' };
  }
}
