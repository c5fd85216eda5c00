import type { Action, PlannedAction } from '../../model/recovery/actions.ts';
import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import type { StepId } from '../../model/recovery/runbook.ts';
import { withoutStop } from '../../model/recovery/text.ts';
import { ACTIONS } from './actions.ts';
import { type Answers, heldOrGoOn, mayDo } from './permission.ts';
import { mendLog, type Performed, restart } from './restart.ts';
import { assess, type LockedRun, softly } from './run.ts';

/** What was seen before a question or a hold is not true any more. */
const STALE_MS = 1_000;

/** The step of the page that an act belongs to. */
const STEP_OF: Record<Action, StepId> = {
  'await-load': 'serving',
  'network-snapshot': 'protect',
  'detach-replicas': 'protect',
  'promote-replica': 'protect',
  'start-beside': 'protect',
  'set-aside': 'protect',
  'rebuild-manifest': 'protect',
  'put-back-data': 'protect',
  'mend-log': 'restart',
  'make-primary': 'protect',
  'kill-script': 'protect',
  restart: 'restart',
  'start-empty': 'restart',
};

/** `left`: nothing was to be done, or nothing of it was allowed. */
export type Remediation = 'done' | 'left' | 'promoted' | 'stopped' | 'failed';

/** What is not checked again by the act itself, and would divide the data of a Redis that is back by now. */
const LOOKED_AT_AGAIN: readonly Action[] = ['promote-replica', 'detach-replicas', 'start-beside', 'make-primary'];

/** Does what the assessment plans, in its order. What needs a person is asked first; a person may hold or abort before each act. */
export async function remediate(run: LockedRun, assessment: Assessment): Promise<Remediation> {
  const answers: Answers = new Map();
  let done: Remediation = 'left';
  for (const planned of assessment.actions) {
    if (planned.action === 'detach-replicas' && isOfRestart(assessment)) continue;
    const carried = await remediateOne(run, assessment, planned, answers);
    if (carried === 'left') continue;
    if (carried !== 'done') return carried;
    done = 'done';
  }
  return done;
}

/** What a restart asks for is known when it is tried: it lets replicas go by itself, once it is allowed. */
const isOfRestart = ({ actions }: Assessment): boolean =>
  actions.some(({ action }) => action === 'restart' || action === 'mend-log');

async function remediateOne(
  run: LockedRun,
  assessment: Assessment,
  planned: PlannedAction,
  answers: Answers,
): Promise<Remediation> {
  const { page, controls } = run;
  const begunMs = Date.now();
  await heldOrGoOn(run);
  const step = STEP_OF[planned.action];
  const end = (state: 'done' | 'skipped' | 'failed', note: string) => {
    if (step !== 'serving') page.end(step, state, note);
  };
  if (controls.skippedBy(step) || isInVain(run, assessment, planned.action)) return 'left';
  if (step !== 'serving') page.begin(step, withoutStop(planned.text));
  const allowed = (await controls.skippable(step, () => mayDo(run, assessment, planned, answers))) ?? 'skip';
  if (allowed === 'stop' || allowed === 'skip') {
    end('skipped', `not allowed: ${withoutStop(planned.text)}`);
    return allowed === 'stop' ? 'stopped' : 'left';
  }
  if (step !== 'serving') page.say(withoutStop(planned.text)); // a question may have stood there
  if (LOOKED_AT_AGAIN.includes(planned.action) && Date.now() - begunMs > STALE_MS && !(await isStillPlanned(run, planned.action)))
    return 'failed';
  await startLater(run, assessment, planned.action);
  const performed = await softly(page, planned.action, perform(run, assessment, planned.action, allowed === 'approved'));
  if (performed === undefined) {
    end('failed', 'looked at anew');
    return 'failed';
  }
  const { note, left } = performed;
  page.note(note);
  end(left ? 'skipped' : 'done', note);
  if (left) return 'left';
  run.found.actionsDone.push(note);
  return planned.action === 'promote-replica' ? 'promoted' : 'done';
}

/** These may end a Redis that lives. */
const MAY_END: readonly Action[] = ['set-aside', 'rebuild-manifest', 'put-back-data', 'mend-log', 'restart'];

/** An act that is cut off has perhaps ended a Redis, and not started it yet. Below what brings files back: undone after that. */
async function startLater(run: LockedRun, { instance, platform, actions, replicas }: Assessment, name: Action): Promise<void> {
  if (!platform?.running || run.found.startsLater || !MAY_END.includes(name)) return;
  run.found.startsLater = true;
  const summary = `start ${instance}, if it was ended and not started again`;
  const mayWipe = actions.some(({ action }) => action === 'detach-replicas') ? { replicas } : {};
  await run.held.undoLater({ undo: 'startAgain', args: { ...run.of, ...mayWipe }, when: 'unlessSucceeded', summary });
}

/** What only prepares a start that is left out: it would end a Redis, or take its files away, for nothing. */
const isInVain = ({ controls }: LockedRun, { failure }: Assessment, name: Action): boolean =>
  controls.skippedBy('restart') !== undefined &&
  (name === 'rebuild-manifest' || name === 'put-back-data' || (name === 'set-aside' && !FAILURE_CLASSES[failure].filesStay));

async function isStillPlanned(run: LockedRun, name: Action): Promise<boolean> {
  const { actions } = await assess(run);
  if (actions.some(({ action: planned }) => planned === name)) return true;
  run.page.note(`${name} is not needed any more`);
  return false;
}

async function perform(run: LockedRun, assessment: Assessment, name: Action, approved: boolean): Promise<Performed> {
  if (name === 'restart') return restart(run, assessment, approved);
  if (name === 'mend-log') return mendLog(run, assessment, approved);
  return { note: await ACTIONS[name](run, assessment) };
}
