import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { MergeInput, MergePlan, MergeResult } from '../model/merge/merge.ts';
import { reportOfMerge } from '../model/merge/outcome.ts';
import type { Beside } from '../model/placement.ts';
import { askedIn } from '../model/shard.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { failure } from './failures.ts';
import { CHECKS, checkInput } from './inputs.ts';
import { withInstanceLock } from './lock/with-instance-lock.ts';
import { Watching } from './operation-status.ts';
import { inOwnDeployment } from './own-deployment.ts';
import { runStep, runUndo } from './steps/run-step.ts';

/** A backup that holds the lock is cancelled; it then needs a moment to put back what it set. */
const LOCK_WAIT_SECONDS = 3600;

/** Brings keys of some data classes back into a living Redis. What it has is newer, and stays. */
export async function mergeFromBackup(input: MergeInput): Promise<MergeResult> {
  checkInput(
    'mergeFromBackup',
    input,
    { instance: CHECKS.instance, classes: CHECKS.names },
    {
      shard: CHECKS.shard,
      backupId: CHECKS.backupId,
      until: CHECKS.until,
      acceptLoss: CHECKS.text,
      intoAnother: CHECKS.flag,
      planOnly: CHECKS.flag,
    },
  );
  const { instance } = input;
  const hint = `To stop it: \`temporal workflow cancel --workflow-id ${workflowInfo().workflowId}\`. Keys that are back by then stay.`;
  const watching = new Watching(instance, 'merge', hint);
  return watching.run(async () => {
    watching.enter('plan');
    const of = await runStep('whichShard', askedIn(input), { summary: `which Redis ${instance} is` });
    const { name } = of;
    const plan = await runStep('planMerge', { of, ...input }, { summary: `count what ${name} has, and what the backup has` });
    const at = await runStep('openBeside', of, { summary: 'find the machine for the copy' });
    if (input.planOnly) {
      watching.enter('rehearse');
      return { outcome: 'planned', instance, plan: await rehearsed(plan, at) };
    }
    watching.enter('wait for the lock');
    const merged = await withInstanceLock({ instance, kind: 'merge', waitSeconds: LOCK_WAIT_SECONDS }, async (held) => {
      watching.enter('merge');
      const args = { operationId: workflowInfo().runId, at };
      await held.undoLater({ undo: 'removeThrowaway', args, when: 'always', summary: 'remove the copy' });
      const classes = plan.classes.map((one) => one.name).join(', ');
      return runStep('mergeClasses', { plan }, { at, summary: `load a copy and bring ${classes} back into ${name}` });
    });
    if ('classes' in merged) return reportOfMerge(plan, merged);
    throw failure(
      'LOCKED',
      `${instance} was locked for too long: ${merged.because}`,
      `Look at ${inOwnDeployment(WORKFLOW_IDS.lock(instance))}, then start again.`,
    );
  });
}

/** The step removes its copy itself, unless its worker is gone. */
async function rehearsed(plan: MergePlan, at: Beside): Promise<MergePlan> {
  try {
    return await runStep('rehearseMerge', { plan }, { at, summary: `load a copy, and count what ${plan.name} lacks of it` });
  } catch (error) {
    const args = { operationId: workflowInfo().runId, at };
    await CancellationScope.nonCancellable(() =>
      runUndo({ undo: 'removeThrowaway', args, when: 'always', summary: 'remove the copy' }),
    );
    throw error;
  }
}
