import { randomUUID } from 'node:crypto';
import type { Dependencies, ProtectedInstance } from '../activities/dependencies.ts';
import { createActivities } from '../activities/index.ts';
import { type Progress, runAsJob } from '../activities/job-context.ts';
import { filesAtHand, requireControl } from '../activities/parts.ts';
import { putBackAll } from '../activities/recovery/put-back-data.ts';
import type { Config } from '../config/config.ts';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { entriesToUndo, type Remains, remainsText } from '../model/lock.ts';
import type { Phase, RestoreInput, RestoreResult } from '../model/operations.ts';
import { type LeftBehind, unfinishedOf } from '../model/recovery/left-behind.ts';
import { askedIn } from '../model/shard.ts';
import { asDirectOwner, leftBehind, refuseBesideDirect } from '../platforms/data-directory.ts';
import { type UndoEntry, type UndoSteps, undo } from '../workflows/lock/undo-procedures.ts';
import { planReplacement, replaceFromRdb } from '../workflows/procedures/replace-from-rdb.ts';
import type { PlanRunner } from '../workflows/procedures/step-runner.ts';
import type { StepInput, StepName, StepResult } from '../workflows/steps/step-table.ts';
import { createDependencies } from './dependencies.ts';
import { lockHolderWithin } from './lock-holder.ts';

const ASK_TEMPORAL_MS = 2_000;

/** Nobody else works on the instance, and the archiver is as dead as Temporal is. */
export const WITHOUT_TEMPORAL: Parameters<typeof createDependencies>[1] = {
  requireLock: async () => undefined,
  archiver: { detach: async () => false, attach: async () => undefined, tellRpo: async () => undefined },
  operations: { lockHolder: async () => undefined, doing: async () => undefined, recoveries: async () => [] },
  draining: new AbortController().signal,
};

export interface DirectOptions {
  /** Aborted: the running step is ended, and everything put back. */
  signal: AbortSignal;
  onPhase(phase: Phase): void;
  onProgress(progress: Progress): void;
}

/**
 * Restores without Temporal, when Temporal itself is down: the same procedure and the same activities, in this process, on
 * the machine of the Redis. Not durable: killed in the middle it leaves things as they are, for the next look at the data
 * directory to put back. Meanwhile a lock on the directory keeps others away.
 * @throws RecoveryError of the step that failed, or `CANCELLED`, after everything was put back
 */
export async function restoreDirectly(config: Config, input: RestoreInput, options: DirectOptions): Promise<RestoreResult> {
  const deps = await createDependencies(config, WITHOUT_TEMPORAL);
  const activities = createActivities(deps);
  const operationId = `direct-${randomUUID()}`;
  const undoList: UndoEntry[] = [];
  const run = <K extends StepName>(step: K, args: StepInput<K>, signal: AbortSignal): Promise<StepResult<K>> =>
    runAsJob({ signal, operationId, attempt: 1, progress: options.onProgress }, () =>
      (activities[step] as (args: StepInput<K>) => Promise<StepResult<K>>)(args),
    );
  const toItsEnd = <K extends StepName>(step: K, args: StepInput<K>) => run(step, args, new AbortController().signal);
  const atTheEnd: (() => Promise<unknown>)[] = [];
  const close = async () => undefined; // all is on this machine
  const runner: PlanRunner = {
    afterwards: (step, args) => void atTheEnd.push(() => toItsEnd(step, args)),
    enter: options.onPhase,
    undoLater: async (entry) => void undoList.push(entry),
    close,
    runStep(step, args) {
      options.signal.throwIfAborted();
      return run(step, args, options.signal);
    },
  };
  const target = await deps.shard(await toItsEnd('whichShard', askedIn(input)));
  const { name } = target;
  const { layout } = await filesAtHand(target, deps.host);
  await refuseBesideDirect(layout);
  const carryOut = async (): Promise<RestoreResult> => {
    let succeeded = false;
    let failed: unknown;
    try {
      const planned = await planReplacement(runner, input);
      if (input.planOnly) return { outcome: 'planned', instance: input.instance, digest: planned.digest, plan: planned.plan };
      await runner.runStep('approveRestore', planned, { summary: '' });
      const report = await replaceFromRdb(runner, planned, operationId);
      succeeded = true;
      return report;
    } catch (error) {
      failed = options.signal.aborted ? cancelled(name, undoList) : error;
      throw failed; // after what follows, which says what it could not
    } finally {
      const remains = await undoAll(entriesToUndo(undoList, succeeded), { run: toItsEnd, close });
      for (const step of atTheEnd) await step().catch(() => undefined); // the next rehearsal sweeps it
      requireAsBefore(name, remains, failed);
    }
  };
  if (input.planOnly) return carryOut();
  await putBackBefore(deps, config, target, options.onProgress);
  return asDirectOwner(layout, operationId, carryOut);
}

/** What an operation that did not end has moved away is the data of this Redis: without it there is nothing to plan from. */
async function putBackBefore(
  deps: Dependencies,
  config: Config,
  target: ProtectedInstance,
  onProgress: DirectOptions['onProgress'],
): Promise<void> {
  await refuseBesideTemporal(config, target.instance);
  const { layout } = await filesAtHand(target, deps.host);
  const unfinished = unfinishedOf(await leftBehind(layout));
  if (unfinished.length === 0) return;
  if ((await requireControl(target).open().status()).running) throw runsWithoutData(target.name, unfinished);
  for (const id of await putBackAll(layout))
    onProgress({ stage: 'put back', note: `the data that ${id} had moved away is back` });
}

/** Temporal may be alive all the same: then its lock counts. */
async function refuseBesideTemporal(config: Config, instance: string): Promise<void> {
  const holder = await lockHolderWithin(config, instance, ASK_TEMPORAL_MS);
  if (holder === undefined) return;
  throw new RecoveryError('LOCKED', `${holder} holds the lock of ${instance}, and Temporal answers`, {
    next: 'Wait for it, or cancel it there; without --direct the restore waits by itself.',
  });
}

const cancelled = (instance: string, changed: readonly UndoEntry[]) => {
  const isStopped = changed.some(({ undo }) => undo === 'putBackServer');
  const stands = isStopped ? `its old data was put back, and ${instance} serves it` : 'Redis and its data were not touched';
  return new RecoveryError('CANCELLED', `the restore of ${instance} was cancelled: ${stands}`, {
    next: `Start it again when you want it; \`redis-backup leftovers ${instance}\` lists what lies beside the data.`,
  });
};

const runsWithoutData = (instance: string, [first]: readonly LeftBehind[]) =>
  new RecoveryError(
    'RESTORE_REFUSED',
    `operation ${first?.operationId} was cut off and has moved the data of ${instance} to ${first?.directory}/aside; a Redis was started without it since`,
    { next: `Stop that Redis, then run this again: the old data is put back first. Or \`redis-backup recover ${instance}\`.` },
  );

/** @throws RecoveryError `PUT_BACK`, `OLD_DATA_MISSING`: all is undone, and Redis is not as it was */
function requireAsBefore(instance: string, remains: Remains | undefined, failed: unknown): void {
  if (remains) throw new RecoveryError(remains.code, remainsText(instance, remains, messageOf(failed)), { next: remains.next });
}

/** @returns what they say of a Redis that is not as it was */
async function undoAll(entries: UndoEntry[], steps: UndoSteps): Promise<Remains | undefined> {
  let remains: Remains | undefined;
  for (const [index, entry] of entries.entries()) {
    try {
      const undone = await undo(entry, steps);
      remains ??= undone.remains;
    } catch (error) {
      const left = entries.slice(index).map(({ summary }) => summary);
      throw new RecoveryError('STOP_FAILED', `the restore failed and could not be put back: ${messageOf(error)}`, {
        next: `Do by hand, in this order: ${left.join('; then ')}.`,
        cause: error,
      });
    }
  }
  return remains;
}
