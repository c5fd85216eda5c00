import { ActivityFailure, workflowInfo } from '@temporalio/workflow';
import type { Restarted } from '../../activities/recovery/restart.ts';
import { staysInUse } from '../../model/failure-class.ts';
import { formatBytes } from '../../model/format.ts';
import type { Act, Assessment, PlannedAct } from '../../model/recovery.ts';
import { capital, withoutStop } from '../../model/recovery-text.ts';
import type { StepId } from '../../model/runbook.ts';
import { takeSnapshot } from '../procedures/take-snapshot.ts';
import { act } from '../steps.ts';
import { assess, codeOf, type LockedRun, reasonOf, softly, within } from './run.ts';

/** How long a living server that is to be restarted is asked for its data. Availability comes first. */
const SNAPSHOT_LIMIT_MS = 10_000;

/** What was seen before a question or a hold is not true any more. */
const STALE_MS = 1_000;

/** The step of the page that an act belongs to. */
const STEP_OF: Record<Act, StepId> = {
  'await-load': 'serving',
  'network-snapshot': 'protect',
  'detach-replicas': 'protect',
  'promote-replica': 'protect',
  'set-aside': 'protect',
  'rebuild-manifest': 'protect',
  'make-primary': 'protect',
  'kill-script': 'protect',
  restart: 'restart',
  'start-empty': 'restart',
};

/** `left`: nothing was to be done, or nothing of it was allowed. */
export type CarriedOut = 'done' | 'left' | 'promoted' | 'stopped' | 'failed';

interface Performed {
  /** What was done, in one sentence. */
  note: string;
  /** A person did not allow it. */
  left?: true;
}

/** What is not checked again by the act itself, and would divide the data of a Redis that is back by now. */
const LOOKED_AT_AGAIN: readonly Act[] = ['promote-replica', 'detach-replicas', 'make-primary'];

/** Does what the assessment plans, in its order. What needs a person is asked first; a person may hold or abort before each act. */
export async function carryOut(run: LockedRun, assessment: Assessment): Promise<CarriedOut> {
  const { page, controls } = run;
  const approved = new Set<string>();
  let done: CarriedOut = 'left';
  for (const planned of assessment.acts) {
    const begunMs = Date.now();
    await heldOrGoOn(run);
    const step = STEP_OF[planned.act];
    if (controls.skippedBy(step) || isInVain(run, assessment, planned.act)) continue;
    if (step !== 'serving') page.begin(step, withoutStop(planned.text));
    const allowed = (await controls.skippable(step, () => mayDo(run, assessment, planned, approved))) ?? 'skip';
    if (allowed === 'stop' || allowed === 'skip') {
      if (step !== 'serving') page.end(step, 'skipped', `not allowed: ${withoutStop(planned.text)}`);
      if (allowed === 'stop') return 'stopped';
      continue;
    }
    if (LOOKED_AT_AGAIN.includes(planned.act) && Date.now() - begunMs > STALE_MS && !(await isStillPlanned(run, planned.act)))
      return 'failed';
    const performed = await softly(page, planned.act, perform(run, assessment, planned.act, allowed === 'approved'));
    if (performed === undefined) {
      if (step !== 'serving') page.end(step, 'failed', 'looked at anew');
      return 'failed';
    }
    const { note, left } = performed;
    page.note(note);
    if (step !== 'serving') page.end(step, left ? 'skipped' : 'done', note);
    if (left) continue;
    run.found.actsDone.push(note);
    if (planned.act === 'promote-replica') return 'promoted';
    done = 'done';
  }
  return done;
}

/** While it is held Redis is watched, and a look that fails ends nothing. */
export const heldOrGoOn = (run: LockedRun): Promise<void> =>
  run.controls.mayGoOn(() => softly(run.page, 'a look', assess(run)).then(() => undefined));

/** What only prepares a start that is left out: it would end a Redis, or take its files away, for nothing. */
const isInVain = ({ controls }: LockedRun, { failure }: Assessment, name: Act): boolean =>
  controls.skippedBy('restart') !== undefined && (name === 'rebuild-manifest' || (name === 'set-aside' && !staysInUse(failure)));

async function isStillPlanned(run: LockedRun, name: Act): Promise<boolean> {
  const { acts } = await assess(run);
  if (acts.some(({ act: planned }) => planned === name)) return true;
  run.page.note(`${name} is not needed any more`);
  return false;
}

type Allowed = 'go' | 'approved' | 'skip' | 'stop';

/** @param approved - questions that were approved for this assessment: one that stands for several acts is asked once */
async function mayDo(
  run: LockedRun,
  { digest, settings, instance }: Assessment,
  { act: name, text, ask }: PlannedAct,
  approved: Set<string>,
): Promise<Allowed> {
  if (!ask) return 'go';
  const { page, controls } = run;
  const { question, otherwise } = ask;
  if (approved.has(question)) return 'approved';
  const plan = `${digest}/${name}`;
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

async function perform(run: LockedRun, assessment: Assessment, name: Act, approved: boolean): Promise<Performed> {
  if (name === 'restart') return restart(run, assessment, approved);
  return { note: await performOther(run, assessment, name) };
}

/** @returns what was done, in one sentence */
async function performOther(run: LockedRun, assessment: Assessment, name: Exclude<Act, 'restart'>): Promise<string> {
  const { place, found } = run;
  const { instance } = assessment;
  const args = { instance, assessment };
  const there = (summary: string) => ({ summary, ...(place ? { place } : {}) });
  switch (name) {
    case 'await-load':
      return `${instance} loads; it is let finish`;
    case 'network-snapshot':
      return networkSnapshot(run);
    case 'detach-replicas': {
      const { detached, failed } = await act('detachReplicas', args, { summary: 'let replicas keep their data' });
      for (const { address, why } of failed) found.toDo.push(`Replica ${address} could not be told to keep its data: ${why}`);
      if (detached.length > 0)
        found.toDo.push(`Replicas on their own now: ${listOf(detached)}. Let them follow again when the data is back.`);
      return detached.length > 0 ? `detached ${listOf(detached)}` : 'no replica had to be detached';
    }
    case 'promote-replica': {
      const { address, keys } = await act('promoteReplica', args, { summary: `let a replica of ${instance} take over` });
      found.promoted = address;
      found.toDo.push(`Point the applications at ${address}, and url of instances.${instance} too.`);
      return `${address} took over with ${keys} keys`;
    }
    case 'set-aside': {
      const undo = { instance, operationId: workflowInfo().runId };
      await run.held.undoLater({
        step: 'putBackAside',
        args: undo,
        when: 'unlessSucceeded',
        summary: 'put damaged files back, unless Redis has served without',
        ...(place ? { place } : {}),
      });
      const { directory, bytes } = await act('setAside', args, there('keep the damaged files, out of the way'));
      found.keptAside = { directory, bytes };
      return `${staysInUse(assessment.failure) ? 'a copy of its files is' : 'damaged files are'} kept, ${formatBytes(bytes)}`;
    }
    case 'rebuild-manifest': {
      const { files } = await act('rebuildManifest', args, there('make the manifest of the log again'));
      return `manifest made again for ${files.length} files`;
    }
    case 'start-empty': {
      const { beforeMs } = await act('startEmpty', args, there(`start ${instance} without the damaged data`));
      found.startedMs = beforeMs;
      return `${instance} started empty`;
    }
    case 'make-primary':
      await act('makePrimary', args, { summary: `let ${instance} accept writes` });
      return `${instance} is a primary again`;
    case 'kill-script':
      await act('killScript', args, { summary: `end the script that blocks ${instance}` });
      return 'the script was ended';
  }
}

/** What a person must allow first, by the code that refuses it. */
const RESTART_QUESTIONS: Readonly<Record<string, string>> = {
  RESTART_TOO_SOON: 'Restart it again?',
  STOP_FAILED: 'End it by kill -9, and start it?',
};

async function restart(run: LockedRun, assessment: Assessment, approved: boolean): Promise<Performed> {
  const { place, found } = run;
  const { instance } = assessment;
  const attempt = async (given: { approved: boolean; kill: boolean }): Promise<Restarted | undefined> => {
    try {
      return await act(
        'restartServer',
        { instance, assessment, ...given },
        { summary: `restart ${instance}`, ...(place ? { place } : {}) },
      );
    } catch (error) {
      const code = codeOf(error) ?? '';
      const question = RESTART_QUESTIONS[code];
      if (question === undefined || (code === 'STOP_FAILED' ? given.kill : given.approved)) throw error;
      const ask = { question: `${capital(withoutStop(reasonOf(error)))}. ${question}`, otherwise: 'skip' } as const;
      const planned: PlannedAct = { act: 'restart', text: 'Leave it as it is.', ask };
      const allowed = await run.controls.skippable('restart', () => mayDo(run, assessment, planned, new Set()));
      return allowed === 'approved' ? attempt({ approved: true, kill: code === 'STOP_FAILED' }) : undefined;
    }
  };
  const done = await attempt({ approved, kill: false });
  if (!done) return { note: `${instance} was left as it is`, left: true };
  found.startedMs = done.beforeMs;
  return { note: (!done.doneBefore && done.skipped) || `${instance} was restarted` };
}

/** What lives in memory only may be lost by the restart: with `appendonly no`, up to an hour. */
async function networkSnapshot(run: LockedRun): Promise<string> {
  const { instance } = run.input;
  const conduct = { act, enter: () => undefined, undoLater: run.held.undoLater };
  try {
    const stored = await within(SNAPSHOT_LIMIT_MS, 'a snapshot may take so long before the restart', () =>
      takeSnapshot(conduct, instance, 'safety'),
    );
    const [backup] = stored ?? [];
    return backup ? `snapshot ${backup.backupId} taken first` : 'no snapshot first: it would have taken more than 10 s';
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return `no snapshot first: ${reasonOf(error)}`;
  }
}

const listOf = (all: readonly { address: string; keys: number }[]): string =>
  all.map(({ address, keys }) => `${address} (${keys} keys)`).join(', ');
