import { workflowInfo } from '@temporalio/workflow';
import type { MergedReport, MergeInput, MergePlan, MergeResult } from '../model/merge.ts';
import { failure } from './failures.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { act } from './steps.ts';
import { Watching } from './watching.ts';
import { withInstanceLock } from './with-instance-lock.ts';

/** A backup that holds the lock is cancelled; it then needs a moment to put back what it set. */
const LOCK_WAIT_SECONDS = 3600;

/** Brings keys of some data classes back into a living Redis. What it has is newer, and stays. */
export async function mergeFromBackup(input: MergeInput): Promise<MergeResult> {
  checkInput(
    'mergeFromBackup',
    input,
    { instance: CHECKS.instance, classes: CHECKS.names },
    { backupId: CHECKS.backupId, until: CHECKS.until, planOnly: CHECKS.flag },
  );
  const { instance } = input;
  const hint = `To stop it: \`temporal workflow cancel --workflow-id ${workflowInfo().workflowId}\`. Keys that are back by then stay.`;
  const watching = new Watching(instance, 'merge', hint);
  return watching.run(async () => {
    watching.enter('plan');
    const plan = await act('planMerge', input, { summary: `count what ${instance} has, and what the backup has` });
    if (input.planOnly) return { outcome: 'planned', instance, plan };
    const { queue } = await act('openScratchPlace', { instance }, { summary: 'find the machine for the copy' });
    watching.enter('wait for the lock');
    const merged = await withInstanceLock({ instance, kind: 'restore', waitSeconds: LOCK_WAIT_SECONDS }, async (held) => {
      watching.enter('merge');
      const args = { operationId: workflowInfo().runId };
      await held.undoLater({ step: 'removeScratch', args, when: 'always', place: queue, summary: 'remove the copy' });
      const names = plan.classes.map(({ name }) => name).join(', ');
      return act('mergeClasses', { plan }, { place: queue, summary: `load a copy and bring ${names} back into ${instance}` });
    });
    if (Array.isArray(merged)) return reportOf(plan, merged);
    throw failure(
      'LOCKED',
      `${instance} was locked for too long: ${merged.because}`,
      `Look at lock/${instance}, then start again.`,
    );
  });
}

function reportOf({ instance, backupId, takenAt, log, warnings }: MergePlan, classes: MergedReport['classes']): MergedReport {
  const last = log?.ranges.at(-1);
  return {
    outcome: 'merged',
    instance,
    backupId,
    at: log ? new Date(log.untilMs).toISOString() : takenAt,
    ...(log && last ? { log: { timelineId: last.timelineId, offset: last.to, bytes: log.bytes } } : {}),
    classes,
    warnings,
  };
}
