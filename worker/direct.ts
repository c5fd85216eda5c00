import { randomUUID } from 'node:crypto';
import { createActivities } from '../activities/index.ts';
import { type Progress, runAsJob } from '../activities/job-context.ts';
import type { Config } from '../config/config.ts';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { entriesToUndo, type UndoEntry } from '../model/lock.ts';
import type { Phase, RestoreInput, RestoreResult } from '../model/operations.ts';
import type { PlanConduct, StepName } from '../workflows/procedures/conduct.ts';
import { planReplacement, replaceFromRdb } from '../workflows/procedures/replace-from-rdb.ts';
import { createWorld } from './world.ts';

/** Nobody else works on the instance, and the archiver is as dead as Temporal is. */
const WITHOUT_TEMPORAL: Parameters<typeof createWorld>[1] = {
  requireLock: async () => undefined,
  archiver: { detach: async () => false, attach: async () => undefined, tellRpo: async () => undefined },
  operations: { lockHolder: async () => undefined, recoveries: async () => [] },
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
 * the machine of the Redis. Not durable: killed in the middle it leaves things as they are, and takes no lock, so nobody
 * else may work on the instance meanwhile.
 * @throws RecoveryError of the step that failed, after everything was put back
 */
export async function restoreDirectly(config: Config, input: RestoreInput, options: DirectOptions): Promise<RestoreResult> {
  const activities = createActivities(await createWorld(config, WITHOUT_TEMPORAL));
  const operationId = `direct-${randomUUID()}`;
  const undoList: UndoEntry[] = [];
  const run = (step: StepName, args: unknown, signal: AbortSignal) =>
    runAsJob({ signal, operationId, progress: options.onProgress }, () =>
      (activities[step] as (args: unknown) => Promise<unknown>)(args),
    );
  const atTheEnd: [StepName, unknown][] = [];
  const conduct: PlanConduct = {
    afterwards: (step, args) => void atTheEnd.push([step, args]),
    enter: options.onPhase,
    undoLater: async (entry) => void undoList.push(entry),
    async act(step, args) {
      options.signal.throwIfAborted();
      return (await run(step, args, options.signal)) as never; // the type is the step's own: `activities[step]` gave it
    },
  };
  let succeeded = false;
  try {
    const planned = await planReplacement(conduct, input);
    if (input.planOnly) return { outcome: 'planned', instance: input.instance, digest: planned.digest, plan: planned.plan };
    await conduct.act('approveRestore', planned, { summary: '' });
    const report = await replaceFromRdb(conduct, planned, operationId);
    succeeded = true;
    return report;
  } finally {
    const toItsEnd = (step: StepName, args: unknown) => run(step, args, new AbortController().signal);
    await undo(entriesToUndo(undoList, succeeded), (entry) => toItsEnd(entry.step as StepName, entry.args));
    for (const [step, args] of atTheEnd) await toItsEnd(step, args).catch(() => undefined); // the next rehearsal sweeps it
  }
}

async function undo(entries: UndoEntry[], run: (entry: UndoEntry) => Promise<unknown>): Promise<void> {
  for (const [index, entry] of entries.entries()) {
    try {
      await run(entry);
    } catch (error) {
      const left = entries.slice(index).map(({ summary }) => summary);
      throw new RecoveryError('STOP_FAILED', `the restore failed and could not be put back: ${messageOf(error)}`, {
        next: `Do by hand, in this order: ${left.join('; then ')}.`,
        cause: error,
      });
    }
  }
}
