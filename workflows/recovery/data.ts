import { workflowInfo } from '@temporalio/workflow';
import { OTHER } from '../../model/data-class.ts';
import { formatCount, formatList } from '../../model/format.ts';
import { mergeToDo } from '../../model/merge-outcome.ts';
import type { Assessment, DataDecision, RestoreOffer } from '../../model/recovery.ts';
import { withoutStop } from '../../model/recovery-text.ts';
import { takeSnapshot } from '../procedures/take-snapshot.ts';
import { act } from '../steps.ts';
import { heldOrGoOn } from './acts.ts';
import { isStepFailure, type LockedRun, reasonOf, softly } from './run.ts';

/** Every application, until all are there or their time is over. Who is missing is named, and hinders nothing. */
export async function connectivity(run: LockedRun): Promise<void> {
  const { page, controls, found, input } = run;
  page.begin('connectivity', 'waiting for the applications');
  const verdicts = await controls.skippable('connectivity', () =>
    softly(
      page,
      'applications cannot be watched',
      act(
        'watchConnectivity',
        { instance: input.instance, sinceMs: found.startedMs },
        { summary: 'see every application at work with Redis' },
      ),
    ),
  );
  if (!verdicts) return applicationsUnseen(run);
  found.applications = verdicts;
  page.applications(verdicts.map(({ name, verdict }) => `${name} ${verdict}`));
  const missing = verdicts.filter(({ verdict }) => verdict === 'missing');
  for (const { name, detail } of missing) found.toDo.push(`Application ${name} does not reach ${input.instance}: ${detail}`);
  const unclear = verdicts.filter(({ verdict }) => verdict === 'cannot be told');
  const note =
    missing.length > 0
      ? `missing: ${missing.map(({ name }) => name).join(', ')}`
      : `${verdicts.length - unclear.length} of ${verdicts.length} seen`;
  page.end(
    'connectivity',
    missing.length > 0 ? 'failed' : 'done',
    unclear.length > 0 ? `${note}; cannot be told: ${unclear.map(({ name }) => name).join(', ')}` : note,
  );
}

function applicationsUnseen(run: LockedRun): void {
  const { page, found, controls } = run;
  const isSkipped = controls.skippedBy('connectivity') !== undefined;
  const note = isSkipped ? skippedNote(run, 'connectivity') : 'applications could not be watched';
  page.end('connectivity', isSkipped ? 'skipped' : 'failed', note);
  if (!isSkipped) found.toDo.push('Look whether the applications are back: they could not be watched');
}

const NOT_RESTORED: Record<DataDecision['verdict'], string> = {
  lost: 'not brought back',
  'within-tolerance': 'nothing is missing',
  unknown: 'not known what is missing',
};

/** Counts what is missing, says what that means before traffic returns, and brings back what is allowed. */
export async function data(run: LockedRun, assessment: Assessment): Promise<void> {
  const { page, controls, found, input } = run;
  page.begin('data', 'counting sessions against the last backup and the log');
  const failedAt = (found.first ?? assessment).since ?? (found.first ?? assessment).at;
  const remembered = act('findBaseline', { instance: input.instance, failedAt }, { summary: 'how it was before the failure' });
  found.before = await softly(page, 'how it was before cannot be told', remembered);
  const decision = await controls.skippable('data', () => softly(page, 'sessions cannot be counted', decide(run, assessment)));
  if (!decision) return leaveOut(run);
  found.data = decision;
  if (decision.verdict === 'lost') await forecast(run, decision, assessment);
  const allowed = await controls.skippable('data', () => mayRestore(run, decision, assessment));
  page.end('data', 'done', decision.text);
  if (!allowed || !decision.offer) return page.end('restore', 'skipped', NOT_RESTORED[decision.verdict]);
  await controls.mayGoOn();
  page.begin('restore', `bringing ${decision.offer.classes.join(', ')} of ${input.instance} back`);
  const back = await controls.skippable('restore', () => merge(run, decision.offer as RestoreOffer));
  if (!back) {
    const isBegun = found.mergeBegun === true;
    if (isBegun)
      found.toDo.push('Count what came back: the restore was skipped after it had begun, and what was back by then stays');
    return page.end('restore', 'skipped', skippedNote(run, 'restore'));
  }
  page.end('restore', found.restoreFailed ? 'failed' : 'done', back);
}

const decide = ({ input, found }: LockedRun, assessment: Assessment): Promise<DataDecision> =>
  act(
    'decideData',
    {
      instance: input.instance,
      assessment: found.first ?? assessment,
      ...(input.restore ? { restoreOverride: input.restore } : {}),
    },
    { summary: 'count expected and present sessions' },
  );

async function forecast({ input, page, found }: LockedRun, decision: DataDecision, assessment: Assessment): Promise<void> {
  const { instance } = input;
  const normalPerSecond = found.before?.authenticationPerSecond;
  const forecasting = act(
    'forecastSignIns',
    {
      instance,
      decision,
      assessment: found.first ?? assessment,
      ...(normalPerSecond === undefined ? {} : { normalPerSecond }),
    },
    { summary: 'how many people will sign in again' },
  );
  const expected = await softly(page, 'sign-ins cannot be forecast', forecasting);
  if (!expected) return;
  found.forecast = expected;
  page.note(expected.text);
}

/** Keys of no class are listed as `other`. */
const inWords = (dataClass: string): string => (dataClass === OTHER ? 'other keys' : dataClass);

async function mayRestore({ page, controls }: LockedRun, decision: DataDecision, { settings }: Assessment): Promise<boolean> {
  const { decision: what, offer, digest } = decision;
  if (what === 'go-on' || !offer) return false;
  if (what === 'restore') return true;
  const revives = offer.revivesSignedOut ? ' Sessions that were signed out since then come back, too.' : '';
  const answer = await controls.ask(
    {
      plan: digest ?? '',
      text: `${withoutStop(decision.text)}. Bring ${formatList(offer.classes.map(inWords))} back as of ${offer.asOf.slice(0, 19)}Z? Keys that are there stay.${revives}`,
      answerBy: new Date(Date.now() + settings.askForMs).toISOString(),
      otherwise: 'service goes on without them',
    },
    settings.askForMs,
  );
  page.note(`bring keys back: ${answer}`);
  return answer === 'approved';
}

/** What fails here takes nothing away from a Redis that serves: it is a finding. */
async function merge({ input, found, held, page }: LockedRun, { classes, backupId, until }: RestoreOffer): Promise<string> {
  const { instance } = input;
  try {
    const plan = await act(
      'planMerge',
      { instance, classes, ...(backupId ? { backupId } : {}), ...(until ? { until } : {}) },
      { summary: `plan what comes back into ${instance}` },
    );
    const { queue: place } = await act('openScratchPlace', { instance }, { summary: 'find the machine for the copy' });
    await held.undoLater({
      step: 'removeScratch',
      args: { operationId: workflowInfo().runId },
      when: 'always',
      place,
      summary: 'remove the copy',
    });
    found.mergeBegun = true;
    const outcome = await act(
      'mergeClasses',
      { plan },
      { place, summary: `load a copy and bring ${classes.join(', ')} back; ${instance} serves` },
    );
    found.restored = outcome.classes;
    found.toDo.push(...mergeToDo(plan, outcome));
    return outcome.classes
      .map(
        ({ name, restored, kept, expired, standing }) =>
          `${name}: ${formatCount(restored)} back, ${formatCount(kept)} newer kept, ${formatCount(expired)} expired; ${formatCount(standing)} stand`,
      )
      .join('; ');
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    found.restoreFailed = reasonOf(error);
    found.toDo.push(`Lost keys could not be brought back: ${found.restoreFailed}`);
    page.note(found.restoreFailed);
    return found.restoreFailed;
  }
}

/** A new backup at once; the archiver comes back when the lock is released, and waits by itself until Redis has settled. */
export async function aftercare(run: LockedRun): Promise<void> {
  const { page, controls, found, input, held } = run;
  await heldOrGoOn(run);
  page.begin('aftercare', 'taking a snapshot');
  const conduct = { act, enter: () => undefined, undoLater: held.undoLater };
  try {
    const stored = await controls.skippable('aftercare', () => takeSnapshot(conduct, input.instance, 'recovery'));
    const [backup] = stored ?? [];
    if (!backup) return page.end('aftercare', 'skipped', skippedNote(run, 'aftercare'));
    found.snapshot = backup.backupId;
    page.end('aftercare', 'done', `snapshot ${backup.backupId}, ${formatCount(backup.keys)} keys`);
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    found.toDo.push(`No snapshot was taken afterwards: ${reasonOf(error)}`);
    page.end('aftercare', 'failed', reasonOf(error));
  }
}

function leaveOut(run: LockedRun): void {
  const { page, found, controls } = run;
  const skipped = controls.skippedBy('data') !== undefined;
  page.end('data', skipped ? 'skipped' : 'failed', skipped ? skippedNote(run, 'data') : 'sessions could not be counted');
  page.end('restore', 'skipped', 'not known what is missing');
  if (!skipped) found.toDo.push('Look for lost sessions: they could not be counted');
}

export function skippedNote({ controls }: Pick<LockedRun, 'controls'>, step: Parameters<typeof controls.skippedBy>[0]): string {
  const message = controls.skippedBy(step);
  return message ? `by ${message.by}: ${message.reason}` : '';
}
