import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import { ONLY_SHARD } from '../../model/instance.ts';
import { controlOf } from '../../model/placement.ts';
import { type Sides, type SideView, type WatchView, withAlarm } from '../../model/watch/watch.ts';
import { runStep } from '../steps/run-step.ts';

/** All three sides: what the worker saw, the machine of the Redis, and the applications, for which an alarm may speak. */
export async function sidesOf(instance: string, view: WatchView, alarm: { by: string } | undefined): Promise<Sides> {
  const { worker, application, hasControl } = view;
  const platform: SideView = hasControl
    ? await lookAtProcess(instance)
    : { verdict: 'unknown', detail: 'its process is not configured to be reached' };
  return { worker, platform, application: withAlarm(application, alarm) };
}

async function lookAtProcess(instance: string): Promise<SideView> {
  try {
    return await runStep(
      'lookAtProcess',
      { instance },
      { at: controlOf({ instance, shard: ONLY_SHARD }), summary: 'look for its process' },
    );
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return { verdict: 'unknown', detail: 'nobody answers who could see its process' };
  }
}
