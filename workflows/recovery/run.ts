import { ActivityFailure, CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { controlOf, filesOf } from '../../model/placement.ts';
import type { KnownBefore } from '../../model/recovery/baseline.ts';
import { FAILURE_CLASSES, type FailureClass } from '../../model/recovery/failure-classes.ts';
import type { PlatformObservations } from '../../model/recovery/observations.ts';
import type { Assessment, RecoveryInput, RecoveryReport } from '../../model/recovery/recovery.ts';
import type { NamedShard } from '../../model/shard.ts';
import { codeOf, reasonOf } from '../failures.ts';
import type { HeldLock } from '../lock/with-instance-lock.ts';
import { HEALTH_CHECK_OPTIONS, openPlacement } from '../steps/placements.ts';
import { runStep } from '../steps/run-step.ts';
import type { Controls } from './controls.ts';
import type { Page } from './page.ts';

/** What one recovery has: what was asked, who watches, who steers, and what has been found so far. */
export interface Run {
  readonly input: RecoveryInput;
  readonly page: Page;
  readonly controls: Controls;
  readonly of: NamedShard;
  /** False: only the Redis protocol reaches it. Absent: not known yet. */
  hasControl?: boolean;
  /** Whether somebody answered for its platform when it was looked at last: nothing that only looks waits for a machine that is gone. */
  controlAnswers?: boolean;
  readonly found: Findings;
}

/** While the lock is held. */
export interface LockedRun extends Run {
  readonly held: HeldLock;
}

export interface Findings extends Partial<RecoveryReport> {
  actionsDone: string[];
  applications: RecoveryReport['applications'];
  toDo: string[];
  /** The newest. */
  assessment?: Assessment;
  /** The one that the recovery began with. */
  first?: Assessment;
  /** How it was before the failure. */
  before?: KnownBefore;
  /** What a damaged log has lost. */
  cutOff?: string;
  /** Former replicas that it let go, or may start Redis beside: see Observations. */
  beside: string[];
  /** That it is started again is on the undo list. */
  startsLater?: boolean;
  /** Keys may be back. */
  mergeBegun?: boolean;
  /** Before Redis was started last, milliseconds since 1970; 0 if it never was. */
  startedMs: number;
  /** Sizes of its logs then. */
  logBytes?: Record<string, number>;
}

/** Looks from all sides, within 10 seconds. A machine whose worker does not answer is a side that says nothing. */
export async function assess(run: Run): Promise<Assessment> {
  const { instance, onDamage, restore } = run.input;
  run.hasControl ??= await hasControl(run);
  const platform = run.hasControl ? await observePlatform(run) : undefined;
  run.controlAnswers = platform !== undefined;
  const { beside } = run.found;
  const overrides = { ...(onDamage ? { onDamage } : {}), ...(restore ? { restore } : {}) };
  const assessment = await runStep(
    'assessFailure',
    { ...run.of, ...(platform ? { platform } : {}), ...(beside.length > 0 ? { beside } : {}), overrides },
    { summary: `what is wrong with ${instance}, what is left, and what helps` },
  );
  run.found.assessment = assessment;
  run.found.first ??= assessment;
  if (saysMore(assessment.failure, run.found.failure)) run.found.failure = assessment.failure;
  run.page.assessed(assessment);
  return assessment;
}

/** A Redis that is dead may be so because its log is damaged; one that was full is only dead when there is room again. */
function saysMore(failure: FailureClass, before: FailureClass | undefined): boolean {
  const { explains } = FAILURE_CLASSES[failure];
  return explains === 'cause' || (explains === 'symptom' && before === undefined);
}

async function hasControl({ of }: Run): Promise<boolean> {
  try {
    await openPlacement(controlOf(of), { readOnly: true });
  } catch (error) {
    if (codeOf(error) === 'PLATFORM_UNSUPPORTED') return false;
    throw error;
  }
  // Meanwhile its platform is looked at; whether it could be opened is seen when it is used.
  openPlacement(filesOf(of), { readOnly: true, options: HEALTH_CHECK_OPTIONS }).catch(() => undefined);
  return true;
}

/** Its platform first: what is in its files is read to its end only where no Redis writes to them. */
async function observePlatform({ of }: Run): Promise<PlatformObservations | undefined> {
  const { name } = of;
  const summary = `look at what runs ${name}, and at its log`;
  const looked = await unlessNobody(runStep('observeFromControl', of, { at: controlOf(of), summary }));
  if (!looked) return undefined;
  const { layout, rules, ...server } = looked;
  if (!layout) return server;
  const readLog = server.server.running === false || server.server.crashLoop;
  const ofFiles = { at: filesOf(of), summary: `look at the files of ${name}` };
  const files = await unlessNobody(runStep('observeFiles', { ...of, layout, readLog, ...(rules ? { rules } : {}) }, ofFiles));
  const { unseen, ...data } = files ?? { unseen: ['its data directory: nobody answers who could see it'] };
  return { ...server, ...data, unseen: [...server.unseen, ...unseen] };
}

const unlessNobody = <T>(look: Promise<T>): Promise<T | undefined> =>
  look.catch((error) => {
    if (isCancellation(error)) throw error;
    return undefined;
  });

/** Runs `body` for so long at most. `undefined`: the time was over. @param summary - of the timer, for the timeline */
export async function withinTime<T>(ms: number, summary: string, body: () => Promise<T>): Promise<T | undefined> {
  const work = new CancellationScope();
  const timer = new CancellationScope();
  let isLate = false;
  const late = timer
    .run(() => sleep(ms, { summary }))
    .then(
      () => {
        isLate = true;
        work.cancel();
      },
      () => undefined, // the work was done first
    );
  try {
    return await work.run(body);
  } catch (error) {
    if (isLate) return undefined;
    throw error;
  } finally {
    timer.cancel();
    await late;
  }
}

const FAILURES_OF_STEPS = ['PLACE_UNREACHABLE', 'REDIS_UNREACHABLE', 'START_FAILED'];

/** A step has failed, nobody came to its machine for too long, or Redis has gone away meanwhile. */
export const isStepFailure = (error: unknown): boolean =>
  !isCancellation(error) && (error instanceof ActivityFailure || FAILURES_OF_STEPS.includes(codeOf(error) ?? ''));

/** What a step answers; a failure of it becomes a note, and `undefined`: nothing that only informs may keep a Redis down. */
export async function softly<T>(page: Page, what: string, step: Promise<T>): Promise<T | undefined> {
  try {
    return await step;
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    page.note(`${what}: ${reasonOf(error)}`);
    return undefined;
  }
}

export function skippedNote({ controls }: Pick<Run, 'controls'>, step: Parameters<typeof controls.skippedBy>[0]): string {
  const message = controls.skippedBy(step);
  return message ? `by ${message.by}: ${message.reason}` : '';
}
