import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { type Progress, runAsJob } from '../activities/job-context.ts';
import { toActivityFailure } from './activity-failures.ts';
import { observeEnd, observeProgress } from './metrics.ts';

const BEAT_EVERY_MS = 1_000;

/**
 * Around every activity: the job context that activities/ know instead of Temporal, a beat each second so that a dead
 * worker is noticed within the heartbeat time-out, and errors in the shape that the retry rules understand.
 */
export class JobInterceptor implements ActivityInboundCallsInterceptor {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    const context = this.#context;
    const { workflowExecution } = context.info;
    let last: Progress | undefined;
    const { activityType: step } = context.info;
    const instance = String((input.args[0] as { instance?: unknown } | undefined)?.instance ?? '');
    const beat = () => context.heartbeat(last);
    beat();
    const timer = setInterval(beat, BEAT_EVERY_MS);
    const job = {
      signal: context.cancellationSignal,
      operationId: workflowExecution?.runId ?? context.info.activityId,
      progress(details: Progress) {
        last = details;
        observeProgress(step, instance, details);
      },
    };
    try {
      return await runAsJob(job, () => next(input));
    } catch (error) {
      if (context.cancellationSignal.aborted) await context.cancelled; // throws: whatever broke, it broke because of this
      context.log.warn('step failed', { code: (error as { code?: string }).code, error: String(error) });
      throw toActivityFailure(error);
    } finally {
      clearInterval(timer);
      observeEnd(step, instance);
    }
  }
}
