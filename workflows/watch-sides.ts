import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import { type Sides, type SideView, type WatchView, withAlarm } from '../model/watch.ts';
import { act } from './steps.ts';

/** All three sides: what the worker saw, the machine of the Redis, and the applications, for which an alarm may speak. */
export async function sidesOf(instance: string, view: WatchView, alarm: { by: string } | undefined): Promise<Sides> {
  const { worker, application, place } = view;
  const platform: SideView = place
    ? await lookAtProcess(instance, place)
    : { verdict: 'unknown', detail: 'its process is not configured to be reached' };
  return { worker, platform, application: withAlarm(application, alarm) };
}

async function lookAtProcess(instance: string, place: string): Promise<SideView> {
  try {
    return await act('lookAtProcess', { instance }, { place, summary: 'look for its process' });
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return { verdict: 'unknown', detail: `nobody answers on ${place}` };
  }
}
