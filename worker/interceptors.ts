import type { Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { type Progress, runAsJob } from '../activities/job-context.ts';
import type { NamedShard } from '../model/shard.ts';
import { toActivityFailure } from './activity-failures.ts';
import { observeEnd, observeProgress } from './metrics.ts';

const BEAT_EVERY_MS = 1_000;
/**
 * How long a cancelled step may take to come to rest. With the beat that tells it, and FINISH_WITHIN of a step, that is within
 * 5 s.
 */
const REST_WITHIN_MS = 1_000;
/**
 * These leave in an order of their own, and have a time-out for it: one lets go of a stream, the other decides what data
 * stands.
 */
const LEAVE_BY_THEMSELVES = ['followStream', 'loadLive'];

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
    const { instance = '', name = instance } = (input.args[0] ?? {}) as Partial<NamedShard>;
    const beat = () => context.heartbeat(last);
    beat();
    const timer = setInterval(beat, BEAT_EVERY_MS);
    const job = {
      signal: context.cancellationSignal,
      operationId: workflowExecution?.runId ?? context.info.activityId,
      attempt: context.info.attempt,
      progress(details: Progress) {
        last = details;
        observeProgress(step, name, details);
      },
    };
    try {
      return await orLeft(
        context,
        runAsJob(job, () => next(input)),
      );
    } catch (error) {
      if (context.cancellationSignal.aborted) await context.cancelled; // throws: whatever broke, it broke because of this
      context.log.warn('step failed', { code: (error as { code?: string }).code, error: String(error) });
      throw toActivityFailure(error);
    } finally {
      clearInterval(timer);
      observeEnd(step, name);
    }
  }
}

/**
 * A step that hangs, in a question that a stopped Redis does not answer or a store that is away, does not hear a cancellation.
 * It is left to itself then, so that what it has begun is put back now. It looks at its signal before it changes anything, and
 * the journal of the data directory refuses it from then on.
 */
async function orLeft<T>(context: Context, work: Promise<T>): Promise<T> {
  if (LEAVE_BY_THEMSELVES.includes(context.info.activityType)) return work;
  let timer: NodeJS.Timeout | undefined;
  const left = new Promise<never>((_, reject) => {
    context.cancelled.catch((error) => {
      if (!isShutdown(error)) timer = setTimeout(() => reject(error), REST_WITHIN_MS);
    });
  });
  left.catch(() => undefined);
  work.catch(() => undefined); // when it is left
  try {
    return await Promise.race([work, left]);
  } finally {
    clearTimeout(timer);
  }
}

const isShutdown = (error: unknown): boolean => error instanceof CancelledFailure && error.message === 'WORKER_SHUTDOWN';
