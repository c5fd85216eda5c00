import { workflowInfo } from '@temporalio/workflow';
import { formatCount } from '../../model/format.ts';
import type { MergeOutcome, MergePlan } from '../../model/merge/merge.ts';
import { mergeToDo } from '../../model/merge/outcome.ts';
import type { Beside } from '../../model/placement.ts';
import {
  bringBackQuestion,
  comesBack,
  couldNotBringBack,
  notBroughtBack,
  nothingToBring,
  stillMissing,
} from '../../model/recovery/bring-back.ts';
import type { Assessment, DataDecision, RestoreOffer } from '../../model/recovery/recovery.ts';
import { reasonOf } from '../failures.ts';
import { runStep } from '../steps/run-step.ts';
import { isStepFailure, type LockedRun, skippedNote } from './run.ts';

const NOT_RESTORED: Record<DataDecision['verdict'], string> = {
  lost: 'not brought back',
  'within-tolerance': 'nothing is missing',
  unknown: 'not known what is missing',
};

/** What would come back, counted in a copy; or why that could not be done. */
interface Rehearsed {
  plan?: MergePlan;
  at?: Beside;
  uncounted?: string;
}

/** Brings back what is allowed: what was counted in a copy is what is asked about, and what is compared with what stands. */
export async function restoreLost(run: LockedRun, decision: DataDecision, assessment: Assessment): Promise<void> {
  const { page, controls, of, found, input } = run;
  const { offer } = decision;
  if (decision.decision === 'go-on' || !offer) {
    page.end('data', 'done', decision.text);
    if (decision.verdict === 'lost' && offer)
      leaveLost(
        run,
        decision,
        offer,
        input.restore ? '`--restore never` was asked for' : 'the configuration says restore: never',
      );
    return page.end('restore', 'skipped', NOT_RESTORED[decision.verdict]);
  }
  const rehearsed = await controls.skippable('data', () => rehearse(run, offer));
  if (rehearsed && comesBack(rehearsed.plan) === 0) return nothing(run, decision, offer, assessment);
  if (rehearsed && !rehearsed.plan) {
    page.end('data', 'done', decision.text);
    return page.end('restore', 'failed', failed(run, decision, rehearsed.uncounted ?? ''));
  }
  const allowed = rehearsed && (await controls.skippable('data', () => mayRestore(run, decision, rehearsed, assessment)));
  page.end('data', 'done', decision.text);
  if (!allowed) return page.end('restore', 'skipped', NOT_RESTORED[decision.verdict]);
  await controls.mayGoOn();
  page.begin('restore', `bringing ${offer.classes.join(', ')} of ${of.name} back`);
  const back = await controls.skippable('restore', () => merge(run, decision, rehearsed, assessment));
  if (!back) {
    if (found.mergeBegun)
      found.toDo.push('Count what came back: the restore was skipped after it had begun, and what was back by then stays');
    return page.end('restore', 'skipped', skippedNote(run, 'restore'));
  }
  page.end('restore', found.restoreFailed || found.incomplete ? 'failed' : 'done', back);
}

/** The newest that is known has nothing of what is missing. A person must know, and may want an older one. */
function nothing({ page, found, of }: LockedRun, decision: DataDecision, offer: RestoreOffer, { settings }: Assessment): void {
  page.end('data', 'done', decision.text);
  page.end('restore', 'skipped', nothingToBring(offer));
  const missing = stillMissing(of.name, decision, decision.present, settings.tolerance);
  if (missing.length > 0) found.incomplete = true;
  found.toDo.push(...missing);
}

function leaveLost({ found, of }: LockedRun, decision: DataDecision, offer: RestoreOffer, why: string): void {
  found.incomplete = true;
  found.toDo.push(notBroughtBack(of.name, decision, offer, why));
}

/** Loads a copy while Redis serves, and removes it. What cannot be counted is said, and hinders nothing. */
async function rehearse({ of, page, held }: LockedRun, { classes, backupId, until }: RestoreOffer): Promise<Rehearsed> {
  const { instance, name } = of;
  page.say(`loading a copy, to count what of ${classes.join(', ')} would come back`);
  const rehearsed: Rehearsed = {};
  try {
    rehearsed.plan = await runStep(
      'planMerge',
      { of, instance, classes, ...(backupId ? { backupId } : {}), ...(until ? { until } : {}) },
      { summary: `plan what comes back into ${name}` },
    );
    const at = await runStep('openBeside', of, { summary: 'find the machine for the copy' });
    rehearsed.at = at;
    const args = { operationId: workflowInfo().runId, at };
    await held.undoLater({ undo: 'removeThrowaway', args, when: 'always', summary: 'remove the copy' });
    const summary = `load a copy, and count what ${name} lacks of it`;
    rehearsed.plan = await runStep('rehearseMerge', { plan: rehearsed.plan }, { at, summary });
    for (const { message } of rehearsed.plan.refusals) page.note(message);
    // What comes back is what is asked about, or the log of a failure that is complete: who says yes to that number means it.
    const { loss } = rehearsed.plan;
    if (loss) rehearsed.plan = { ...rehearsed.plan, acceptLoss: loss.digest };
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    rehearsed.uncounted = reasonOf(error);
    page.note(`what would come back could not be counted: ${rehearsed.uncounted}`);
  }
  return rehearsed;
}

async function mayRestore(
  run: LockedRun,
  decision: DataDecision,
  { plan, uncounted }: Rehearsed,
  { settings }: Assessment,
): Promise<boolean> {
  const { page, controls } = run;
  const { decision: what, offer, digest } = decision;
  if (!offer) return false;
  if (what === 'restore' && plan?.refusals.length === 0) return true; // else: a person is asked to make room
  const answer = await controls.ask(
    {
      plan: digest ?? '',
      text: bringBackQuestion(decision, plan, uncounted),
      answerBy: new Date(Date.now() + settings.askForMs).toISOString(),
      otherwise: 'service goes on without them',
    },
    settings.askForMs,
  );
  page.note(`bring keys back: ${answer}`);
  if (answer === 'nobody answered' && decision.verdict === 'lost') leaveLost(run, decision, offer, 'nobody answered');
  return answer === 'approved';
}

/** What fails here takes nothing away from a Redis that serves: it is a finding. */
async function merge(
  run: LockedRun,
  decision: DataDecision,
  { plan, at, uncounted = '' }: Rehearsed,
  { settings }: Assessment,
): Promise<string> {
  const { of, found } = run;
  if (!plan || !at) return failed(run, decision, uncounted);
  try {
    found.mergeBegun = true;
    const summary = `load a copy and bring ${plan.classes.map(({ name }) => name).join(', ')} back; ${of.name} serves`;
    const outcome = await runStep('mergeClasses', { plan }, { at, summary });
    const sessions = outcome.classes.find(({ name }) => name === settings.sessionClass);
    // What an attempt that died has brought back is not among those that the last one restored: it counted what stands.
    const standing = Math.max(decision.present + (sessions?.restored ?? 0), sessions?.standing ?? 0);
    const missing = [...mergeToDo(plan, outcome), ...stillMissing(of.name, decision, standing, settings.tolerance)];
    if (missing.length > 0) found.incomplete = true;
    found.toDo.push(...missing);
    return report(run, outcome);
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    return failed(run, decision, reasonOf(error));
  }
}

function report({ found }: LockedRun, { classes }: MergeOutcome): string {
  found.restored = classes;
  return classes
    .map(
      ({ name, restored, kept, expired, standing, promised }) =>
        `${name}: ${formatCount(restored)} back, ${formatCount(kept)} newer kept, ${formatCount(expired)} expired; ${formatCount(standing)} of ${formatCount(promised)} stand`,
    )
    .join('; ');
}

function failed({ found, page, of }: LockedRun, decision: DataDecision, reason: string): string {
  found.restoreFailed = reason;
  found.incomplete = true;
  page.note(reason);
  const { offer } = decision;
  if (offer) found.toDo.push(couldNotBringBack(of.name, offer, reason));
  return reason;
}
