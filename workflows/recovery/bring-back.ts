import { condition } from '@temporalio/workflow';
import { formatCountOf } from '../../model/format.ts';
import { controlOf } from '../../model/placement.ts';
import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';
import type { Assessment, ServesAgain } from '../../model/recovery/recovery.ts';
import { besideSuccessor, type Successor } from '../../model/recovery/successor.ts';
import { twinAdvice } from '../../model/recovery/twins.ts';
import { reasonOf } from '../failures.ts';
import { detachArchiver } from '../procedures/detach-archiver.ts';
import { closePlacement } from '../steps/placements.ts';
import { runStep } from '../steps/run-step.ts';
import { heldOrGoOn } from './permission.ts';
import { remediate } from './remediation.ts';
import { assess, isStepFailure, type LockedRun, softly, withinTime } from './run.ts';

/** Each of them with another failure behind it, such as `dead` and then `aof-damaged`. A load is let go on for as long as it takes. */
const MOST_ROUNDS = 6;
/** Between looks at what only a person can mend. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000];
/** Whether it serves is waited for this long before it is looked at anew; a load is let go on for longer. */
const SERVE_LIMIT_MS = 30_000;
const LOAD_LIMIT_MS = 10 * 60_000;
/** A Redis that nothing was done to serves at once, or it doesn't. */
const AT_ONCE_MS = 3_000;

export type Service = 'serving' | 'serving-elsewhere' | 'not-serving';

/** Carries out what helps, and looks again, until Redis serves or only a person can help it. */
export async function bringBack(run: LockedRun, first: Assessment): Promise<Service> {
  for (const text of first.leftAlone ?? []) run.page.note(text);
  const detaching = letGo(run);
  detaching.catch(() => undefined); // waited for below: until then a failure of it has nobody who takes it
  try {
    return await rounds(run, first);
  } finally {
    await detaching;
  }
}

async function rounds(run: LockedRun, first: Assessment): Promise<Service> {
  const { page } = run;
  let assessment = first;
  let acted = 0;
  let idle = 0;
  let giveUpAt: number | undefined;
  for (;;) {
    const { serves } = FAILURE_CLASSES[assessment.failure];
    if (serves === 'others') return servedWithoutUs(run, assessment);
    const carried = await remediate(run, assessment);
    if (carried === 'promoted') return elsewhere(run);
    if (assessment.successor && (carried === 'stopped' || carried === 'left')) {
      assessment = await assess(run); // a question may have stood for long
      if (assessment.successor) return succeeded(run, assessment, assessment.successor);
      continue;
    }
    if (carried === 'stopped') return notServing(run, assessment);
    // What else answers there may serve well: it is not ours.
    if ((carried === 'done' || carried === 'left') && serves !== 'stranger') {
      page.begin('serving', `waiting until ${assessment.instance} serves`);
      const served = await awaitServes(run, assessment, carried);
      if (typeof served === 'object') return servesAgain(run, served, assessment);
      page.note(served);
    }
    if (carried !== 'left') {
      if (!isLoading(assessment) && ++acted >= MOST_ROUNDS) return notServing(run, assessment);
      giveUpAt = undefined;
    } else {
      giveUpAt ??= Date.now() + first.settings.askForMs;
      if (Date.now() >= giveUpAt) return notServing(run, assessment);
      page.needs(assessment.advice[0] ?? assessment.evidence[0] ?? assessment.clients);
      await run.controls.mayGoOn();
      const pause = PAUSES_MS[Math.min(idle++, PAUSES_MS.length - 1)] ?? 1;
      await condition(() => run.controls.abortedBy !== undefined, pause, {
        summary: 'until the next look at what a person may mend',
      });
    }
    await heldOrGoOn(run);
    assessment = await assess(run);
  }
}

/** Starts at once and hinders nothing: the archiver waits by itself before it takes a restarted server for a base. */
const letGo = ({ held, of, page }: LockedRun): Promise<void> => {
  const runner = { runStep, close: closePlacement, enter: () => undefined, undoLater: held.undoLater };
  return softly(page, 'the archiver could not be told to let go', detachArchiver(runner, of));
};

/** @returns why not, if it does not */
async function awaitServes(run: LockedRun, assessment: Assessment, carried: 'done' | 'left'): Promise<ServesAgain | string> {
  const { instance } = assessment;
  const limit = isLoading(assessment) ? LOAD_LIMIT_MS : carried === 'done' ? SERVE_LIMIT_MS : AT_ONCE_MS;
  const { startedMs: sinceMs, logBytes } = run.found;
  const input = { ...run.of, sinceMs };
  const summary = `wait until ${instance} answers a read and a write`;
  try {
    const serves = await withinTime(limit, 'then it is looked at anew', () =>
      run.controlAnswers
        ? runStep('awaitServingAgain', { ...input, ...(logBytes ? { logBytes } : {}) }, { summary, at: controlOf(run.of) })
        : runStep('awaitServesFromAfar', input, { summary }),
    );
    return serves ?? `${instance} does not serve yet`;
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    return reasonOf(error);
  }
}

const isLoading = ({ actions }: Assessment): boolean => actions.some(({ action }) => action === 'await-load');

function servesAgain({ page, found }: LockedRun, serves: ServesAgain, assessment: Assessment): Service {
  const { instance, failure, advice, twins = [] } = assessment;
  if (FAILURE_CLASSES[failure].advisedAfterwards) found.toDo.push(...advice);
  else found.toDo.push(...twins.map((one) => twinAdvice(instance, one)));
  const secondsFromStart = (Date.parse(serves.servedAt) - Date.parse(page.startedAt)) / 1000;
  const warnings = [...(found.cutOff === undefined ? [] : [found.cutOff]), ...serves.warnings];
  found.serving = { ...serves, warnings, secondsFromStart };
  for (const warning of warnings) page.note(warning);
  for (const step of ['protect', 'restart'] as const)
    if (page.stateOf(step) === 'todo') page.end(step, 'skipped', 'nothing to do');
  page.end('serving', 'done', `${formatCountOf(serves.keys, 'key')}, ${secondsFromStart.toFixed(1)} s after the recovery began`);
  page.clients(`reads and writes are answered since ${serves.servedAt.slice(11, 19)} UTC`);
  return 'serving';
}

function servedWithoutUs({ page, found }: LockedRun, { advice }: Assessment): Service {
  found.toDo.push(...advice);
  for (const step of ['protect', 'restart'] as const) page.end(step, 'skipped', 'Redis is fine: not touched');
  page.end('serving', 'done', 'applications are served; only this worker is cut off');
  return 'serving';
}

/** By whom it was promoted, and when, is not known: the recovery has only not started a second primary. */
function succeeded(run: LockedRun, { instance, advice }: Assessment, successor: Successor): Service {
  run.found.promoted = successor.address;
  run.found.toDo.push(...besideSuccessor(instance, successor), ...advice);
  return elsewhere(run);
}

function elsewhere({ page, found }: LockedRun): Service {
  page.end('restart', 'skipped', 'a second primary would split the data');
  page.end('serving', 'done', `${found.promoted} serves`);
  page.clients(`${found.promoted} serves its data; applications must be pointed at it`);
  return 'serving-elsewhere';
}

function notServing({ page, found, controls }: LockedRun, { advice, evidence, actions, digest }: Assessment): Service {
  const refused = actions.filter(({ action: name, ask }) => controls.refused(`${digest}/${name}`, ask?.question ?? ''));
  const notAllowed = refused.map(({ text }) => `Not allowed so far: ${text}`);
  const toDo = [...advice, ...notAllowed];
  found.toDo.push(...(toDo.length > 0 ? toDo : evidence));
  page.end('serving', 'failed', toDo[0] ?? evidence[0] ?? 'it does not serve');
  return 'not-serving';
}
