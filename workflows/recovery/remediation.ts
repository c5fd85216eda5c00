import type { Action, PlannedAction } from '../../model/recovery/actions.ts';
import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import type { StepId } from '../../model/recovery/runbook.ts';
import { capital, withoutStop } from '../../model/recovery/text.ts';
import { codeOf, reasonOf } from '../failures.ts';
import { mendLog as mendLogFiles } from '../procedures/change-files.ts';
import { type Restarted, restartServer } from '../procedures/restart-server.ts';
import { ACTIONS, inputOf, RUNNER } from './actions.ts';
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

interface Performed {
  /** What was done, in one sentence. */
  note: string;
  /** A person did not allow it. */
  left?: true;
}

/** What is not checked again by the act itself, and would divide the data of a Redis that is back by now. */
const LOOKED_AT_AGAIN: readonly Action[] = ['promote-replica', 'detach-replicas', 'start-beside', 'make-primary'];

/** Does what the assessment plans, in its order. What needs a person is asked first; a person may hold or abort before each act. */
export async function remediate(run: LockedRun, assessment: Assessment): Promise<Remediation> {
  const approved = new Set<string>();
  let done: Remediation = 'left';
  for (const planned of assessment.acts) {
    const carried = await remediateOne(run, assessment, planned, approved);
    if (carried === 'left') continue;
    if (carried !== 'done') return carried;
    done = 'done';
  }
  return done;
}

async function remediateOne(
  run: LockedRun,
  assessment: Assessment,
  planned: PlannedAction,
  approved: Set<string>,
): Promise<Remediation> {
  const { page, controls } = run;
  const begunMs = Date.now();
  await heldOrGoOn(run);
  const step = STEP_OF[planned.act];
  const end = (state: 'done' | 'skipped' | 'failed', note: string) => {
    if (step !== 'serving') page.end(step, state, note);
  };
  if (controls.skippedBy(step) || isInVain(run, assessment, planned.act)) return 'left';
  if (step !== 'serving') page.begin(step, withoutStop(planned.text));
  const allowed = (await controls.skippable(step, () => mayDo(run, assessment, planned, approved))) ?? 'skip';
  if (allowed === 'stop' || allowed === 'skip') {
    end('skipped', `not allowed: ${withoutStop(planned.text)}`);
    return allowed === 'stop' ? 'stopped' : 'left';
  }
  if (step !== 'serving') page.say(withoutStop(planned.text)); // a question may have stood there
  if (LOOKED_AT_AGAIN.includes(planned.act) && Date.now() - begunMs > STALE_MS && !(await isStillPlanned(run, planned.act)))
    return 'failed';
  await startLater(run, assessment, planned.act);
  const performed = await softly(page, planned.act, perform(run, assessment, planned.act, allowed === 'approved'));
  if (performed === undefined) {
    end('failed', 'looked at anew');
    return 'failed';
  }
  const { note, left } = performed;
  page.note(note);
  end(left ? 'skipped' : 'done', note);
  if (left) return 'left';
  run.found.actsDone.push(note);
  return planned.act === 'promote-replica' ? 'promoted' : 'done';
}

/** These may end a Redis that lives. */
const MAY_END: readonly Action[] = ['set-aside', 'rebuild-manifest', 'put-back-data', 'mend-log', 'restart'];

/** An act that is cut off has perhaps ended a Redis, and not started it yet. Below what brings files back: undone after that. */
async function startLater(run: LockedRun, { instance, platform }: Assessment, name: Action): Promise<void> {
  if (!platform?.running || run.found.startsLater || !MAY_END.includes(name)) return;
  run.found.startsLater = true;
  const summary = `start ${instance}, if it was ended and not started again`;
  await run.held.undoLater({ undo: 'startAgain', args: run.of, when: 'unlessSucceeded', summary });
}

/** While it is held Redis is watched, and a look that fails ends nothing. */
export const heldOrGoOn = (run: LockedRun): Promise<void> =>
  run.controls.mayGoOn(() => softly(run.page, 'a look', assess(run)).then(() => undefined));

/** What only prepares a start that is left out: it would end a Redis, or take its files away, for nothing. */
const isInVain = ({ controls }: LockedRun, { failure }: Assessment, name: Action): boolean =>
  controls.skippedBy('restart') !== undefined &&
  (name === 'rebuild-manifest' || name === 'put-back-data' || (name === 'set-aside' && !FAILURE_CLASSES[failure].filesStay));

async function isStillPlanned(run: LockedRun, name: Action): Promise<boolean> {
  const { acts } = await assess(run);
  if (acts.some(({ act: planned }) => planned === name)) return true;
  run.page.note(`${name} is not needed any more`);
  return false;
}

type Allowed = 'go' | 'approved' | 'skip' | 'stop';

/**
 * @param approved - questions that were approved for this assessment: one that stands for several acts is asked once
 * @param what - is allowed: a yes to a restart is none to kill -9
 */
async function mayDo(
  run: LockedRun,
  { digest, settings, instance }: Assessment,
  { act: name, text, ask }: PlannedAction,
  approved: Set<string>,
  what: string = name,
): Promise<Allowed> {
  if (!ask) return 'go';
  const { page, controls } = run;
  const { question, otherwise } = ask;
  if (approved.has(question)) return 'approved';
  const plan = `${digest}/${what}`;
  const unanswered = {
    skip: 'it is left undone',
    proceed: `${withoutStop(text)}, all the same`,
    stop: `${instance} stays as it is`,
  };
  const answerBy = new Date(Date.now() + settings.askForMs).toISOString();
  const asked = { plan, text: question, answerBy, otherwise: unanswered[otherwise] };
  // Who has said no, or is asleep, is not asked the same thing again and again.
  const before = controls.refused(plan, question);
  const answer = before ?? (await controls.ask(asked, settings.askForMs));
  if (!before) page.note(`${question} ${answer}`);
  await heldOrGoOn(run);
  if (answer === 'approved') {
    approved.add(question);
    return 'approved';
  }
  if (answer === 'declined') return otherwise === 'skip' ? 'skip' : 'stop';
  return ({ skip: 'skip', proceed: 'go', stop: 'stop' } as const)[otherwise];
}

async function perform(run: LockedRun, assessment: Assessment, name: Action, approved: boolean): Promise<Performed> {
  if (name === 'restart') return restart(run, assessment, approved);
  if (name === 'mend-log') return mendLog(run, assessment, approved);
  return { note: await ACTIONS[name](run, assessment) };
}

/** A log that has lost its damaged end is one that a restart helps. */
async function mendLog(run: LockedRun, assessment: Assessment, approved: boolean): Promise<Performed> {
  const { found, page } = run;
  const mayLoseCommands = assessment.acts.some(({ act: name, ask }) => name === 'mend-log' && ask !== undefined);
  const { found: what, where, cut, kept } = await mendLogFiles(RUNNER, { ...inputOf(run, assessment), mayLoseCommands });
  found.keptAside = kept;
  found.cutOff = `Of the damaged log ${cut}; the files as they were are kept in ${kept.directory}.`;
  page.note(what);
  const { note, left } = await restart(run, assessment, approved);
  const done = where === 'end' ? 'the damaged end of the log was cut off' : 'the log was cut at the damage in its middle';
  return { note: `${done}, ${note}`, ...(left ? { left } : {}) };
}

/** What a person must allow first, by the code that refuses it. */
const RESTART_QUESTIONS: Readonly<Record<string, { what: string; question: string }>> = {
  RESTART_TOO_SOON: { what: 'restart', question: 'Restart it again?' },
  CONFIG_UNSTARTABLE: { what: 'restart', question: 'Restart it all the same?' },
  STOP_FAILED: { what: 'kill', question: 'End it by kill -9, and start it?' },
};

async function restart(run: LockedRun, assessment: Assessment, approved: boolean): Promise<Performed> {
  const { found } = run;
  const { instance } = assessment;
  const attempt = async (given: { approved: boolean; kill: boolean }): Promise<Restarted | undefined> => {
    try {
      return await restartServer(RUNNER, { ...inputOf(run, assessment), ...given });
    } catch (error) {
      const code = codeOf(error) ?? '';
      const asked = RESTART_QUESTIONS[code];
      if (asked === undefined || (code === 'STOP_FAILED' ? given.kill : given.approved)) throw error;
      const ask = { question: `${capital(withoutStop(reasonOf(error)))}. ${asked.question}`, otherwise: 'skip' } as const;
      const planned: PlannedAction = { act: 'restart', text: 'Leave it as it is.', ask };
      const allowed = await run.controls.skippable('restart', () => mayDo(run, assessment, planned, new Set(), asked.what));
      return allowed === 'approved' ? attempt({ approved: true, kill: code === 'STOP_FAILED' }) : undefined;
    }
  };
  const done = await attempt({ approved, kill: false });
  if (!done) return { note: `${instance} was left as it is`, left: true };
  found.startedMs = done.beforeMs;
  if (done.logBytes) found.logBytes = done.logBytes;
  return { note: done.skipped ?? `${instance} was restarted` };
}
