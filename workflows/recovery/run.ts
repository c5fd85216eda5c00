import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import type { KnownBefore } from '../../model/baseline.ts';
import type { FailureClass } from '../../model/failure-class.ts';
import type { Assessment, RecoveryInput, RecoveryReport } from '../../model/recovery.ts';
import { act } from '../steps.ts';
import type { HeldLock } from '../with-instance-lock.ts';
import type { Controls } from './controls.ts';
import type { Page } from './page.ts';

/** What one recovery has: what was asked, who watches, who steers, and what has been found so far. */
export interface Run {
  readonly input: RecoveryInput;
  readonly page: Page;
  readonly controls: Controls;
  /** The queue of the machine that Redis runs on. Absent: only the Redis protocol reaches it. */
  place?: string;
  /** Whether somebody answered there when it was looked at last: nothing that only looks waits for a machine that is gone. */
  placeAnswers?: boolean;
  readonly found: Found;
}

/** While the lock is held. */
export interface LockedRun extends Run {
  readonly held: HeldLock;
}

export interface Found extends Partial<RecoveryReport> {
  actsDone: string[];
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
  /** That it is started again is on the undo list. */
  startsLater?: boolean;
  /** Keys may be back. */
  mergeBegun?: boolean;
  /** Before Redis was started last, milliseconds since 1970; 0 if it never was. */
  startedMs: number;
}

/** Looks from all sides, within 10 seconds. A machine whose worker does not answer is a side that says nothing. */
export async function assess(run: Run): Promise<Assessment> {
  const { instance, onDamage, restore } = run.input;
  run.place ??= await openPlace(instance);
  const place = run.place ? await glance(instance, run.place) : undefined;
  run.placeAnswers = place !== undefined;
  const overrides = { ...(onDamage ? { onDamage } : {}), ...(restore ? { restore } : {}) };
  const assessment = await act(
    'assessFailure',
    { instance, ...(place ? { place } : {}), overrides },
    { summary: `what is wrong with ${instance}, what is left, and what helps` },
  );
  run.found.assessment = assessment;
  run.found.first ??= assessment;
  if (saysMore(assessment.failure, run.found.failure)) run.found.failure = assessment.failure;
  run.page.assessed(assessment);
  return assessment;
}

/** A Redis that is dead may be so because its log is damaged; one that was full is only dead when there is room again. */
const saysMore = (failure: FailureClass, before: FailureClass | undefined): boolean =>
  failure !== 'healthy' && failure !== 'loading' && (before === undefined || (failure !== 'dead' && failure !== 'unknown'));

const openPlace = (instance: string): Promise<string | undefined> =>
  act('openPlace', { instance }, { summary: `find the machine of ${instance}` }).then(
    ({ queue }) => queue,
    (error) => {
      if (codeOf(error) === 'PLATFORM_UNSUPPORTED') return undefined;
      throw error;
    },
  );

const glance = (instance: string, place: string) =>
  act('lookFromPlace', { instance }, { place, summary: `look at the process, its log and its files on ${place}` }).catch(
    (error) => {
      if (isCancellation(error)) throw error;
      return undefined;
    },
  );

/** Runs `body` for so long at most. `undefined`: the time was over. @param summary - of the timer, for the timeline */
export async function within<T>(ms: number, summary: string, body: () => Promise<T>): Promise<T | undefined> {
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

/** The code of a failed activity; `undefined` for anything else. */
export function codeOf(error: unknown): string | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure ? (cause.type ?? undefined) : undefined;
}

export const reasonOf = (error: unknown): string =>
  error instanceof ActivityFailure
    ? (error.cause?.message ?? error.message)
    : error instanceof Error
      ? error.message
      : String(error);

/** A step has failed, nobody came to its machine for too long, or Redis has gone away meanwhile. */
export const isStepFailure = (error: unknown): boolean =>
  !isCancellation(error) &&
  (error instanceof ActivityFailure || ['PLACE_UNREACHABLE', 'REDIS_UNREACHABLE'].includes(codeOf(error) ?? ''));

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
