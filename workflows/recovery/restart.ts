import type { Action, PlannedAction } from '../../model/recovery/actions.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import { capital, withoutStop } from '../../model/recovery/text.ts';
import { codeOf, reasonOf } from '../failures.ts';
import { mendLog as mendLogFiles } from '../procedures/change-files.ts';
import { type Restarted, restartServer } from '../procedures/restart-server.ts';
import { detachReplicas, inputOf, RUNNER } from './actions.ts';
import { mayDo } from './permission.ts';
import { assess, type LockedRun } from './run.ts';

/** Of what was seen: a question may have stood since then. */
const STALE_MS = 5_000;

export interface Performed {
  /** What was done, in one sentence. */
  note: string;
  /** A person did not allow it. */
  left?: true;
}

/** A log that has lost its damaged end is one that a restart helps. */
export async function mendLog(run: LockedRun, assessment: Assessment, approved: boolean): Promise<Performed> {
  const { found, page } = run;
  const mayLoseCommands = assessment.actions.some(({ action: name, ask }) => name === 'mend-log' && ask !== undefined);
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

const LET_GO = ' Replicas that are further no longer follow it then, and keep their data.';

export async function restart(run: LockedRun, assessment: Assessment, approved: boolean): Promise<Performed> {
  const { found } = run;
  const { instance } = assessment;
  const attempt = async (given: { approved: boolean; kill: boolean }): Promise<Restarted | undefined> => {
    try {
      const protect = (isEnded: boolean) => protectReplicas(run, assessment, isEnded || given.kill);
      return await restartServer(RUNNER, { ...inputOf(run, assessment), ...given }, protect);
    } catch (error) {
      const code = codeOf(error) ?? '';
      const asked = RESTART_QUESTIONS[code];
      if (asked === undefined || (code === 'STOP_FAILED' ? given.kill : given.approved)) throw error;
      const alone = code === 'STOP_FAILED' && detaches(assessment) ? LET_GO : '';
      const ask = { question: `${capital(withoutStop(reasonOf(error)))}. ${asked.question}${alone}`, otherwise: 'skip' } as const;
      const planned: PlannedAction = { action: 'restart', text: 'Leave it as it is.', ask };
      const allowed = await run.controls.skippable('restart', () => mayDo(run, assessment, planned, new Map(), asked.what));
      return allowed === 'approved' ? attempt({ approved: true, kill: code === 'STOP_FAILED' }) : undefined;
    }
  };
  const done = await attempt({ approved, kill: false });
  if (!done) return { note: `${instance} was left as it is`, left: true };
  found.startedMs = done.beforeMs;
  if (done.logBytes) found.logBytes = done.logBytes;
  return { note: done.skipped ?? `${instance} was restarted` };
}

/**
 * For the sake of this start, and so not before all that it asks for is allowed.
 * @param isChanged - it was ended meanwhile, or is about to be killed: what its files have is looked at anew
 * @returns what is so now
 */
async function protectReplicas(run: LockedRun, assessment: Assessment, isChanged: boolean): Promise<Assessment> {
  if (!detaches(assessment)) return assessment;
  // Mended files do not show any more what they lack.
  const isMended = assessment.actions.some(({ action }) => MENDS_FILES.includes(action));
  const now = !isMended && (isChanged || isStale(assessment)) ? await assess(run) : assessment;
  if (!detaches(now)) return now;
  const note = await detachReplicas(run, now);
  run.found.actionsDone.push(note);
  run.page.note(note);
  run.page.end('protect', 'done', note);
  return now;
}

const MENDS_FILES: readonly Action[] = ['mend-log', 'put-back-data', 'rebuild-manifest'];

const detaches = ({ actions }: Assessment): boolean => actions.some(({ action }) => action === 'detach-replicas');

const isStale = ({ at }: Assessment): boolean => Date.now() - Date.parse(at) > STALE_MS;
