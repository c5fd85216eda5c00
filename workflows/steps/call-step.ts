import { ActivityFailure, type ActivityOptions, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { StepInput, StepName, StepResult } from './step-table.ts';

/** Asks for one activity. */
export function callStep<K extends StepName>(step: K, input: StepInput<K>, options: ActivityOptions): Promise<StepResult<K>> {
  const activity = proxyActivities<Activities>(options)[step] as (input: StepInput<K>) => Promise<StepResult<K>>;
  return activity(input);
}

/** Nobody polls the queue of a step. */
export const nobodyCame = (error: unknown): boolean =>
  error instanceof ActivityFailure && error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'SCHEDULE_TO_START';
