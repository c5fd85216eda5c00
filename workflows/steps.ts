import {
  ActivityFailure,
  type ActivityOptions,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  proxyActivities,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { Blocked, UndoEntry, Undone } from '../model/lock.ts';
import { failure } from './failures.ts';
import { PRESETS } from './presets.ts';
import type { StepInput, StepName, StepOptions, StepResult } from './procedures/conduct.ts';

/**
 * Every step: how it is tried, and whether it is given FINISH_WITHIN to be finished when it is cancelled, rather than none. Both
 * end within seconds of a cancellation, in the middle if need be.
 */
const STEPS: Record<StepName, { preset: keyof typeof PRESETS; destructive?: true }> = {
  assessInstance: { preset: 'quick' },
  storeSnapshot: { preset: 'transfer' },
  verifySnapshot: { preset: 'transfer' },
  publishSnapshot: { preset: 'quick' },
  putBackRdbCompression: { preset: 'undo' },
  applyRetention: { preset: 'transfer' },
  examinePlace: { preset: 'glance' },
  examineStore: { preset: 'quick' },
  openPlace: { preset: 'patient' },
  surveyTarget: { preset: 'place' },
  planRestore: { preset: 'quick' },
  approveRestore: { preset: 'quick' },
  rehearse: { preset: 'place' },
  discardRehearsal: { preset: 'glance' },
  stageBackup: { preset: 'place' },
  discardStaged: { preset: 'undo' },
  stopServer: { preset: 'place' },
  replaceData: { preset: 'place' },
  startServer: { preset: 'place' },
  awaitServing: { preset: 'place' },
  verifyCounts: { preset: 'place' },
  verifyApplications: { preset: 'place' },
  finishRestore: { preset: 'place' },
  putBackData: { preset: 'undo' },
  putBackServer: { preset: 'undo' },
  openLivePlace: { preset: 'quick' },
  surveyLive: { preset: 'place' },
  stageLive: { preset: 'place' },
  discardLive: { preset: 'undo' },
  readLiveSettings: { preset: 'place' },
  loadLive: { preset: 'place' }, // a cancellation before Redis has the data is obeyed, one after it ignored, by the step itself
  putBackLive: { preset: 'undo' },
  loadSafetyBack: { preset: 'undo' },
  verifyLive: { preset: 'place' },
  awaitOwnPersistence: { preset: 'place' },
  followStream: { preset: 'archive' },
  compactArchive: { preset: 'transfer' },
  detachArchiver: { preset: 'quick' },
  attachArchiver: { preset: 'undo' },
  assessAof: { preset: 'place' },
  storeAof: { preset: 'place' },
  publishAof: { preset: 'quick' },
  putBackAofRewrites: { preset: 'undo' },
  removeAofPins: { preset: 'undo' },
  openScratchPlace: { preset: 'transfer' },
  planMerge: { preset: 'transfer' },
  rehearseMerge: { preset: 'copy' },
  mergeClasses: { preset: 'copy' },
  removeScratch: { preset: 'undo' },
  lookFromPlace: { preset: 'glance' },
  lookAtHolder: { preset: 'glance' },
  assessFailure: { preset: 'patient' },
  setAside: { preset: 'recovery', destructive: true },
  putBackAside: { preset: 'undo' },
  startAgain: { preset: 'undo' },
  startEmpty: { preset: 'recovery', destructive: true },
  restartServer: { preset: 'recovery', destructive: true },
  rebuildManifest: { preset: 'recovery', destructive: true },
  putBackUnfinished: { preset: 'recovery', destructive: true },
  mendLog: { preset: 'recovery', destructive: true },
  detachReplicas: { preset: 'quick', destructive: true },
  followAgain: { preset: 'quick', destructive: true },
  promoteReplica: { preset: 'quick', destructive: true },
  makePrimary: { preset: 'quick', destructive: true },
  killScript: { preset: 'quick', destructive: true },
  awaitServesAgain: { preset: 'recovery' },
  watchConnectivity: { preset: 'watch' },
  recordBaseline: { preset: 'remember' },
  findBaseline: { preset: 'quick' },
  decideData: { preset: 'look' },
  forecastSignIns: { preset: 'quick' },
  watchServing: { preset: 'watch' },
  watchWarmup: { preset: 'watch' },
  watchAuthentication: { preset: 'watch' },
  watchInstance: { preset: 'guard' },
  lookAtInstance: { preset: 'quick' },
  lookAtProcess: { preset: 'glance' },
};

/** A cancelled step that changes something is rather finished than cut off, for so long: with a heartbeat more it is within 5 s. */
const FINISH_WITHIN = '3 seconds';

/** How long a place may have no worker before the operation gives up and puts everything back. */
const PLACE_PATIENCE_MS = 30 * 60_000;

/**
 * Runs one activity as its preset says, with a summary that a person reads in the Web UI.
 * A destructive one is given a moment to be finished once it has begun, and does not begin after a cancellation: swallowing that would let
 * a cancelled restore run on to "success".
 */
export async function act<K extends StepName>(
  step: K,
  input: StepInput<K>,
  { summary, place, serving }: StepOptions,
): Promise<StepResult<K>> {
  const { preset, destructive } = STEPS[step];
  const options: ActivityOptions = { ...PRESETS[preset], summary, ...(place ? { taskQueue: place } : {}) };
  const run = (): Promise<StepResult<K>> =>
    serving ? whileItAnswers(serving, () => call(step, input, failsIfGone(options))) : call(step, input, options);
  const patient = place && preset !== 'glance' ? () => waitForPlace(place, run) : run;
  if (!destructive) return patient();
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure(`cancelled before ${String(step)}`);
  return finishSoon(patient);
}

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

/** Runs one entry of an undo list, once or twice: the lock tries again. @returns why it could not be undone, or what it says of its work */
export async function runUndo({ step, args, place, summary }: UndoEntry): Promise<{ blocked: Blocked } | Undone> {
  const { scheduleToCloseTimeout: _, retry, ...preset } = PRESETS.undo;
  try {
    const undone = await call(step as StepName, args as never, {
      ...preset,
      startToCloseTimeout: '4 hours', // a put-back loads the old data, however large
      scheduleToStartTimeout: '60 seconds',
      retry: { ...retry, maximumAttempts: 2 },
      summary: `undo: ${summary}`,
      ...(place ? { taskQueue: place } : {}),
    });
    return (undone ?? {}) as Undone;
  } catch (error) {
    if (error instanceof ActivityFailure) return { blocked: blockedBy(error, place ?? PRESETS.undo.taskQueue) };
    throw error;
  }
}

function blockedBy({ cause }: ActivityFailure, queue: string): Blocked {
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START')
    return { because: `no worker polls the queue ${queue}`, next: `Start \`redis-backup worker\` there.` };
  const { next } = (cause instanceof ApplicationFailure ? (cause.details?.[0] ?? {}) : {}) as { next?: string };
  return { because: cause?.message ?? 'it did not say why', next: next ?? 'Look at the log of the worker.' };
}

function call<K extends StepName>(step: K, input: StepInput<K>, options: ActivityOptions): Promise<StepResult<K>> {
  const activity = proxyActivities<Activities>(options)[step] as (input: StepInput<K>) => Promise<StepResult<K>>;
  return activity(input);
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

/** Nobody polls a place while its machine or its worker restarts: asked again, for as long as PLACE_PATIENCE_MS. */
async function waitForPlace<T>(place: string, run: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PLACE_PATIENCE_MS;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      const nobodyCame =
        error instanceof ActivityFailure &&
        error.cause instanceof TimeoutFailure &&
        error.cause.timeoutType === 'SCHEDULE_TO_START';
      if (!nobodyCame) throw error;
      if (Date.now() >= deadline) {
        const name = place.replace(/^host\//, '');
        throw failure(
          'PLACE_UNREACHABLE',
          `no worker polls the queue ${place}`,
          `Start \`redis-backup worker\` on ${name}, with worker.host: ${name} in its configuration.`,
        );
      }
    }
  }
}
