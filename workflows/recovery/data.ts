import { formatCount } from '../../model/format.ts';
import { olderThanLog } from '../../model/recovery/bring-back.ts';
import type { Assessment, DataDecision } from '../../model/recovery/recovery.ts';
import { reasonOf } from '../failures.ts';
import { takeSnapshot } from '../procedures/take-snapshot.ts';
import { closePlacement } from '../steps/placements.ts';
import { runStep } from '../steps/run-step.ts';
import { heldOrGoOn } from './permission.ts';
import { restoreLost } from './restore.ts';
import { isStepFailure, type LockedRun, skippedNote, softly } from './run.ts';

/** Every application, until all are there or their time is over. Who is missing is named, and hinders nothing. */
export async function connectivity(run: LockedRun): Promise<void> {
  const { page, controls, found, of } = run;
  page.begin('connectivity', 'waiting for the applications');
  const verdicts = await controls.skippable('connectivity', () =>
    softly(
      page,
      'applications cannot be watched',
      runStep('watchConnectivity', { ...of, sinceMs: found.startedMs }, { summary: 'see every application at work with Redis' }),
    ),
  );
  if (!verdicts) return applicationsUnseen(run);
  found.applications = verdicts;
  page.applications(verdicts.map(({ name, verdict }) => `${name} ${verdict}`));
  const missing = verdicts.filter(({ verdict }) => verdict === 'missing');
  for (const { name, detail } of missing) found.toDo.push(`Application ${name} does not reach ${of.name}: ${detail}`);
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

/** Counts what is missing, says what that means before traffic returns, and brings back what is allowed. */
export async function data(run: LockedRun, assessment: Assessment): Promise<void> {
  const { page, controls, found, of } = run;
  page.begin('data', 'counting sessions against the last backup and the log');
  const failedAt = (found.first ?? assessment).since ?? (found.first ?? assessment).at;
  const remembered = runStep('findBaseline', { ...of, failedAt }, { summary: 'how it was before the failure' });
  found.before = await softly(page, 'how it was before cannot be told', remembered);
  const decision = await controls.skippable('data', () => softly(page, 'sessions cannot be counted', decide(run, assessment)));
  if (!decision) return leaveOut(run);
  found.data = decision;
  page.counted(decision);
  if (decision.unloaded) {
    found.incomplete = true;
    found.toDo.push(olderThanLog(of.instance, decision.unloaded));
  }
  if (decision.verdict === 'lost') await forecast(run, decision, assessment);
  await restoreLost(run, decision, assessment);
}

const decide = ({ input, of, found }: LockedRun, assessment: Assessment): Promise<DataDecision> =>
  runStep(
    'decideData',
    {
      ...of,
      assessment: found.first ?? assessment,
      ...(input.restore ? { restoreOverride: input.restore } : {}),
    },
    { summary: 'count expected and present sessions' },
  );

async function forecast({ of, page, found }: LockedRun, decision: DataDecision, assessment: Assessment): Promise<void> {
  const normalPerSecond = found.before?.authenticationPerSecond;
  const forecasting = runStep(
    'forecastSignIns',
    {
      ...of,
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

/** A new backup at once; the archiver comes back when the lock is released, and waits by itself until Redis has settled. */
export async function aftercare(run: LockedRun): Promise<void> {
  const { page, controls, found, of, held } = run;
  await heldOrGoOn(run);
  page.begin('aftercare', 'taking a snapshot');
  const runner = { runStep, close: closePlacement, enter: () => undefined, undoLater: held.undoLater };
  try {
    const backup = await controls.skippable('aftercare', () => takeSnapshot(runner, of, 'recovery'));
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
