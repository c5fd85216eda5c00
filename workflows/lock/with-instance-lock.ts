import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityFailure,
  CancellationScope,
  CancelledFailure,
  type ChildWorkflowHandle,
  condition,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  startChild,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type Blocked,
  conflictOf,
  type LockHolder,
  type OperationKind,
  type Remains,
  remainsText,
  type Undone,
} from '../../model/lock.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { failure } from '../failures.ts';
import { inOwnDeployment } from '../own-deployment.ts';
import { instanceLock, type LockInput } from './instance-lock.ts';
import { type LockReport, lockReportSignal, pingSignal, releaseSignal, undoSignal, wantedSignal } from './messages.ts';
import type { UndoEntry } from './undo-procedures.ts';

type Lock = ChildWorkflowHandle<typeof instanceLock>;

/** What the body of an operation gets: the only way to change something. */
export interface HeldLock {
  readonly instance: string;
  /** Call before each change. Returns when the lock has it in its own history. */
  undoLater(entry: UndoEntry): Promise<void>;
}

/** The outcome of an operation that did not get the lock and is not a failure. */
export interface NotHeld {
  outcome: 'skipped' | 'joined';
  because: string;
}

export interface LockOptions {
  instance: string;
  /** See LockHolder. */
  shard?: string;
  kind: OperationKind;
  /** It comes to a Redis that is down: whoever watches it leaves it to this operation from the beginning. */
  interrupts?: true;
  /** How long to wait while another operation holds it, seconds. Past that the outcome is `skipped`. */
  waitSeconds: number;
  /** Told what holds it, again and again, while it is waited for. */
  onWait?: (report: LockReport) => void;
}

/**
 * Runs `body` while this run alone may change the instance. The lock undoes what the body wrote down, however the body
 * ends; when this returns or throws, all is undone and the lock is free.
 * @throws ApplicationFailure `PUT_BACK` or `OLD_DATA_MISSING` when all is undone and Redis is not as it was; `LOCKED` when the holder excludes us, `LOCK_LOST` when somebody ended the lock by hand
 */
export async function withInstanceLock<T>(options: LockOptions, body: (held: HeldLock) => Promise<T>): Promise<T | NotHeld> {
  const { workflowId, runId } = workflowInfo();
  const { kind, shard } = options;
  const holder: LockHolder = { workflowId, runId, kind, ...(shard === undefined ? {} : { shard }) };
  setHandler(pingSignal, () => undefined);
  const lock = await acquire(options, holder);
  if ('outcome' in lock) return lock;

  const undoList: UndoEntry[] = [];
  const held: HeldLock = {
    instance: options.instance,
    async undoLater(entry) {
      undoList.push(entry);
      await CancellationScope.nonCancellable(() => lock.signal(undoSignal, entry)).catch(() => {
        throw lost(options.instance);
      });
    },
  };
  const scope = new CancellationScope();
  let ended = false;
  let releasing = false;
  const watch = CancellationScope.nonCancellable(() => lock.result().catch(() => undefined)).then(() => {
    ended = true;
    if (!releasing) scope.cancel();
  });
  let succeeded = false;
  let failed: unknown;
  try {
    const result = await scope.run(() => body(held));
    succeeded = true;
    return result;
  } catch (error) {
    failed = ended ? lost(options.instance) : error;
    throw failed;
  } finally {
    await CancellationScope.nonCancellable(async () => {
      releasing = true;
      const released = !ended && (await lock.signal(releaseSignal, { succeeded }).then(yes, no));
      if (!released) await condition(() => ended, '1 second'); // its end may be on its way to us
      if (released || ended) {
        await watch;
        const undone = await lock.result().catch(() => undoUnderNewLock(options, holder, undoList, succeeded));
        if (undone?.remains) throw notAsBefore(options.instance, undone.remains, failed);
      } else {
        await untilFree(options.instance, holder);
      }
    });
  }
}

const yes = (): boolean => true;
const no = (): boolean => false;

/**
 * After a Reset the lock belongs to the run before this one and can't be reached as a child any more. Asking for it makes
 * it see that its holder is gone, undo that run's list, and end.
 */
async function untilFree(instance: string, holder: LockHolder): Promise<void> {
  let free = false;
  setHandler(lockReportSignal, (report) => {
    free ||= report.free;
    tell(instance, report);
  });
  const ask = () => getExternalWorkflowHandle(WORKFLOW_IDS.lock(instance)).signal(wantedSignal, holder).then(yes, no);
  while (!free && (await ask())) await condition(() => free, '30 seconds');
}

/** A lock that completed has undone its list. One that was terminated by hand has not: another one does it. */
async function undoUnderNewLock(
  options: LockOptions,
  holder: LockHolder,
  entries: UndoEntry[],
  succeeded: boolean,
): Promise<Undone | undefined> {
  const interrupts = options.interrupts || entries.some((entry) => entry.interrupts) ? { interrupts: true as const } : {};
  const again = await acquire({ ...options, ...interrupts, waitSeconds: 24 * 3600 }, holder, entries, 'wait');
  if ('outcome' in again) return undefined;
  await again.signal(releaseSignal, { succeeded }).catch(() => undefined);
  return again.result();
}

/** All is undone, and Redis is not as it was: whoever waits must know both. */
const notAsBefore = (instance: string, remains: Remains, failed: unknown) =>
  failure(remains.code, remainsText(instance, remains, failed === undefined ? 'it is done' : reasonOf(failed)), remains.next);

const reasonOf = (error: unknown): string => {
  const { cause, message } = error as Error;
  return error instanceof ActivityFailure && cause instanceof Error ? cause.message : message;
};

const lost = (instance: string) =>
  failure(
    'LOCK_LOST',
    `this run no longer holds the lock of ${instance}: it was reset, or somebody ended ${inOwnDeployment(WORKFLOW_IDS.lock(instance))} by hand`,
    'What it had changed is being put back. Start the operation again when lock/… has ended.',
  );

/** Whoever waits for a lock that cannot put back says so where people look at it: details, phase, and the memo that commands read. */
function tell(instance: string, { blocked, holder, phase }: LockReport): void {
  const known = (workflowInfo().memo?.blocked ?? undefined) as Blocked | undefined;
  if (blocked?.because === known?.because) return;
  upsertMemo({ blocked: blocked ? { ...blocked, by: holder.workflowId } : null });
  upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: [blocked ? phase : 'wait for the lock'] });
  if (blocked) setCurrentDetails(`**lock/${instance} needs a person**: ${holder.workflowId} ${blocked.because}. ${blocked.next}`);
}

async function acquire(
  { instance, interrupts, waitSeconds, onWait }: LockOptions,
  holder: LockHolder,
  entries?: UndoEntry[],
  always?: 'wait',
): Promise<Lock | NotHeld> {
  const deadline = Date.now() + waitSeconds * 1000;
  let report: LockReport | undefined;
  setHandler(lockReportSignal, (latest) => {
    report = latest;
    tell(instance, latest);
  });
  for (;;) {
    const lock = await tryStart(instance, { holder, ...(interrupts ? { interrupts } : {}), ...(entries ? { entries } : {}) });
    if (lock) {
      if (CancellationScope.current().consideredCancelled) await giveUp(lock);
      return lock;
    }
    report = undefined;
    const ask = getExternalWorkflowHandle(WORKFLOW_IDS.lock(instance)).signal(wantedSignal, holder);
    if (!(await ask.then(yes, no))) continue; // it ended in this moment
    await condition(() => report !== undefined, '2 seconds');
    const seen = report as LockReport | undefined; // assigned by the handler, which the compiler can't see
    if (!seen || seen.free) continue;
    const conflict = always ?? (seen.ending ? 'wait' : conflictOf(holder, seen.holder));
    const because = seen.blocked
      ? `${seen.holder.workflowId} ${seen.blocked.because}`
      : `${seen.holder.workflowId} is running (lock ${seen.phase})`;
    if (conflict === 'join') return { outcome: 'joined', because };
    if (conflict === 'refuse') throw refused(instance, because);
    if (Date.now() >= deadline) return { outcome: 'skipped', because };
    if (conflict === 'wait') onWait?.(seen);
    await condition(() => report?.free === true, Math.max(1, Math.min(30_000, deadline - Date.now())));
  }
}

const refused = (instance: string, because: string) =>
  failure(
    'LOCKED',
    `${instance} is locked: ${because}`,
    `Watch it with: temporal workflow describe --workflow-id ${inOwnDeployment(WORKFLOW_IDS.lock(instance))}. Start again when it has ended.`,
  );

async function tryStart(instance: string, input: LockInput): Promise<Lock | undefined> {
  const { holder } = input;
  try {
    return await CancellationScope.nonCancellable(() =>
      startChild(instanceLock, {
        workflowId: WORKFLOW_IDS.lock(instance),
        taskQueue: QUEUES.ops,
        args: [input],
        parentClosePolicy: 'REQUEST_CANCEL', // not TERMINATE: it must live to undo
        memo: { holder, interrupts: input.interrupts ?? false },
        searchAttributes: { [SEARCH_ATTRIBUTES.instance]: [instance], [SEARCH_ATTRIBUTES.operation]: ['lock'] },
        staticSummary: `held by ${holder.workflowId}`,
      }),
    );
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

async function giveUp(lock: Lock): Promise<never> {
  await CancellationScope.nonCancellable(async () => {
    await lock.signal(releaseSignal, { succeeded: false });
    await lock.result();
  });
  throw new CancelledFailure('cancelled while it waited for the lock');
}
