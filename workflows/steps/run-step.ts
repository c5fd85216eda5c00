import {
  ActivityFailure,
  type ActivityOptions,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Blocked, Undone } from '../../model/lock.ts';
import { failure } from '../failures.ts';
import { type UndoEntry, type UndoSteps, undo } from '../lock/undo-procedures.ts';
import { callStep } from './call-step.ts';
import { atPlacement, closePlacement, HEALTH_CHECK_OPTIONS } from './placements.ts';
import { PRESETS } from './presets.ts';
import { type How, kindOf, type StepInput, type StepName, type StepResult } from './step-table.ts';

/** A cancelled step that changes something is rather finished than cut off, for so long: with a heartbeat more it is within 5 s. */
const FINISH_WITHIN = '3 seconds';

/**
 * Runs one activity as its preset says, where its placement is, with a summary that a person reads in the Web UI.
 * A destructive one is given a moment to be finished once it has begun, and does not begin after a cancellation: swallowing that would let
 * a cancelled restore run on to "success".
 */
export async function runStep<K extends StepName>(
  step: K,
  input: StepInput<K>,
  { summary, at, serving }: How<K>,
): Promise<StepResult<K>> {
  const { preset, destructive, readOnly = false } = kindOf(step);
  const options: ActivityOptions = { ...PRESETS[preset], summary };
  const ask = (asked: ActivityOptions): Promise<StepResult<K>> => {
    const call = () => callStep(step, input, serving ? failsIfGone(asked) : asked);
    return serving ? whileItAnswers(serving, call) : call();
  };
  const how =
    preset === 'healthCheck' ? { readOnly, isPatient: false, options: HEALTH_CHECK_OPTIONS } : { readOnly, isPatient: true };
  const run = (): Promise<StepResult<K>> =>
    at ? atPlacement(at, how, (queue) => ask({ ...options, taskQueue: queue })) : ask(options);
  if (!destructive) return run();
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure(`cancelled before ${String(step)}`);
  return finishSoon(run);
}

const failsIfGone = (options: ActivityOptions): ActivityOptions => ({
  ...options,
  retry: { ...options.retry, nonRetryableErrorTypes: [...(options.retry?.nonRetryableErrorTypes ?? []), 'REDIS_UNREACHABLE'] },
});

/** A step that has worked for so long has met another disturbance than the one before. */
const NEW_DISTURBANCE_MS = 60_000;
const MOST_TRIES = 6;

/**
 * A moment in which the network is away ends no step. A Redis that is gone ends it within seconds: whoever holds its lock keeps a
 * recovery waiting.
 */
async function whileItAnswers<T>(instance: string, run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const begunMs = Date.now();
    try {
      return await run();
    } catch (error) {
      const cause = error instanceof ActivityFailure ? error.cause : undefined;
      if (!(cause instanceof ApplicationFailure) || cause.type !== 'REDIS_UNREACHABLE') throw error;
      if (Date.now() - begunMs > NEW_DISTURBANCE_MS) tries = 1;
      if (tries === MOST_TRIES) throw gone(instance, cause.message);
    }
    await sleep('2 seconds', { summary: `until ${instance} is asked again: it does not answer` });
  }
}

const gone = (instance: string, why: string) =>
  failure(
    'REDIS_UNREACHABLE',
    `${instance} has gone away, and this operation lets go of it: ${why}`,
    `Bring it back: \`redis-backup recover ${instance}\`. Then start the operation again.`,
  );

/** Runs to its end, whatever is cancelled, unless it has not come to it in FINISH_WITHIN: it may hang, or be tried again for hours. */
function finishSoon<T>(run: () => Promise<T>): Promise<T> {
  const { cancelRequested } = CancellationScope.current();
  return CancellationScope.nonCancellable(async () => {
    const work = new CancellationScope();
    let isOver = false;
    cancelRequested.catch(async () => {
      if (!isOver && !(await condition(() => isOver, FINISH_WITHIN))) work.cancel();
    });
    try {
      return await work.run(run);
    } finally {
      isOver = true;
    }
  });
}

const { scheduleToCloseTimeout: _, retry, ...undoPreset } = PRESETS.undo;
/** Once or twice: the lock tries again. */
const UNDO_OPTIONS: ActivityOptions = {
  ...undoPreset,
  startToCloseTimeout: '4 hours', // a put-back loads the old data, however large
  scheduleToStartTimeout: '60 seconds',
  retry: { ...retry, maximumAttempts: 2 },
};

/** Runs one entry of an undo list. @returns why it could not be undone, or what it says of its work */
export async function runUndo(entry: UndoEntry): Promise<{ blocked: Blocked } | Undone> {
  const options = { ...UNDO_OPTIONS, summary: `undo: ${entry.summary}` };
  let queue: string = PRESETS.undo.taskQueue;
  const steps: UndoSteps = {
    close: (at) => closePlacement(at, options),
    run(step, input, { at }) {
      const { readOnly = false } = kindOf(step);
      queue = PRESETS.undo.taskQueue;
      if (!at) return callStep(step, input, options);
      return atPlacement(at, { readOnly, options, isPatient: false }, (there) => {
        queue = there;
        return callStep(step, input, { ...options, taskQueue: there });
      });
    },
  };
  try {
    return await undo(entry, steps);
  } catch (error) {
    if (error instanceof ActivityFailure) return { blocked: blockedBy(error, queue) };
    throw error;
  }
}

function blockedBy({ cause }: ActivityFailure, queue: string): Blocked {
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START')
    return { because: `no worker polls the queue ${queue}`, next: `Start \`redis-backup worker\` there.` };
  const { next } = (cause instanceof ApplicationFailure ? (cause.details?.[0] ?? {}) : {}) as { next?: string };
  return { because: cause?.message ?? 'it did not say why', next: next ?? 'Look at the log of the worker.' };
}
