import { HandlerUnfinishedPolicy } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  defineQuery,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { type Blocked, conflictOf, entriesToUndo, type LockHolder, type Remains, type Undone } from '../../model/lock.ts';
import { SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import { failure } from '../failures.ts';
import { CHECKS, checkInput, checkMessage, isMessage } from '../inputs.ts';
import { runUndo } from '../steps/run-step.ts';
import {
  type LockReport,
  lockReportSignal,
  pingSignal,
  releaseSignal,
  resolveUpdate,
  undoSignal,
  wantedSignal,
} from './messages.ts';
import { isUndoName, type UndoEntry } from './undo-procedures.ts';

/** A Reset of the holder tells nobody: it is asked for this often, beside each time that somebody wants the lock. */
const PING_EVERY = '1 minute';
/** A step of a holder that was terminated may still be running: it learns of it at its next heartbeat (worker/options.ts). */
const SETTLE_MS = 3_000;

/** Seconds while somebody may be mending it, minutes when nobody is. */
const pauseAfter = (tries: number): '5 seconds' | '30 seconds' | '5 minutes' => {
  if (tries <= 24) return '5 seconds';
  return tries <= 120 ? '30 seconds' : '5 minutes';
};

export interface LockInput {
  holder: LockHolder;
  /** The holder comes to a Redis that is down. */
  interrupts?: true;
  /** What a lock that was ended by hand left behind: the new one takes it over. */
  entries?: UndoEntry[];
}

/** What a person sees of the lock: `temporal workflow query -w lock/<instance> --type status`. */
export interface LockStatus {
  holder: LockHolder;
  phase: string;
  undoList: UndoEntry[];
  /** With phase `needs a person`. */
  blocked?: Blocked;
}
const isHolder = (holder: LockHolder): boolean =>
  isMessage(holder, { workflowId: CHECKS.text, runId: CHECKS.text, kind: CHECKS.operation }, { shard: CHECKS.shard });
const isUndoEntry = (entry: UndoEntry): boolean =>
  isMessage(
    entry,
    { undo: CHECKS.text, args: CHECKS.record, when: CHECKS.undoWhen, summary: CHECKS.text },
    { interrupts: CHECKS.flag },
  ) && isUndoName(entry.undo);

export const lockStatusQuery = defineQuery<LockStatus>('status');

/**
 * The lock of one instance, and the undo list of the operation that holds it. It ends only when everything that must be
 * undone has been, however its holder ended: release, failure, cancel, terminate, time-out, Reset. Its result is what the holder
 * must say of that, if anything.
 * Started by `withInstanceLock` only, as a child with id `lock/<instance>`: the id is the exclusion.
 */
export async function instanceLock(input: LockInput): Promise<Undone | undefined> {
  checkInput('instanceLock', input, { holder: CHECKS.record }, { entries: CHECKS.list, interrupts: CHECKS.flag });
  const { holder, entries = [] } = input;
  const undoList = [...entries];
  const waiting = new Map<string, LockHolder>();
  let phase = 'held';
  let blocked: Blocked | undefined;
  let released: { succeeded: boolean } | undefined;
  let holderGone = false;
  let resolved = false;
  let interrupts = input.interrupts ?? false;
  let remains: Remains | undefined;

  const report = async (to: LockHolder, free: boolean): Promise<void> => {
    const ending = released !== undefined || holderGone || phase !== 'held';
    const message: LockReport = { free, holder, interrupts, ending, phase, ...(blocked ? { blocked } : {}) };
    await getExternalWorkflowHandle(to.workflowId, to.runId)
      .signal(lockReportSignal, message)
      .catch(() => undefined); // it stopped waiting: nothing to tell
  };
  const tellAll = async (): Promise<void> => {
    for (const one of [holder, ...waiting.values()]) await report(one, false);
  };
  const holderHandle = getExternalWorkflowHandle(holder.workflowId, holder.runId);
  const pingHolder = async (): Promise<void> => {
    await holderHandle.signal(pingSignal).catch(() => {
      holderGone = true;
    });
  };
  setHandler(undoSignal, (entry) => {
    if (!isUndoEntry(entry)) return;
    undoList.push(entry);
    if (!entry.interrupts || interrupts) return;
    interrupts = true;
    upsertMemo({ interrupts }); // where the watcher reads it
  });
  setHandler(releaseSignal, (how) => {
    if (isMessage(how, { succeeded: CHECKS.flag })) released = how;
  });
  setHandler(
    wantedSignal,
    async (wanted) => {
      if (!isHolder(wanted)) return;
      waiting.set(wanted.runId, wanted);
      if (!released) await pingHolder();
      if (!released && !holderGone && conflictOf(wanted, holder) === 'preempt') {
        await holderHandle.cancel().catch(() => undefined); // it ended in this moment: even better
      }
      await report(wanted, false);
    },
    { unfinishedPolicy: HandlerUnfinishedPolicy.ABANDON },
  );
  setHandler(lockStatusQuery, () => ({ holder, phase, undoList, ...(blocked ? { blocked } : {}) }));
  setHandler(
    resolveUpdate,
    ({ by, note }) => {
      resolved = true;
      return `resolved by ${by}: ${note}`;
    },
    {
      description: 'After repairing by hand what could not be undone. JSON: {"by":"ann","note":"started Redis by hand"}',
      validator: (message) => {
        if (phase !== 'needs a person') throw failure('USAGE', `nothing to resolve: the lock is ${phase}`, 'Wait for the lock.');
        checkMessage('resolve', message, '{"by":"ann","note":"started Redis by hand"}', { by: CHECKS.line, note: CHECKS.line });
      },
    },
  );

  const setPhase = (now: string, summary: string): void => {
    phase = now;
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: [now] });
    setCurrentDetails(`**${now}** for \`${holder.workflowId}\`. ${summary}`);
  };

  try {
    while (!released && !holderGone) {
      if (!(await condition(() => released !== undefined || holderGone, PING_EVERY))) await pingHolder();
    }
  } catch {
    // The holder closed without a release: Temporal passed that on as a request to cancel.
  }
  await CancellationScope.nonCancellable(async () => {
    const todo = (): UndoEntry[] => entriesToUndo(undoList, released?.succeeded ?? false);
    if (!released && todo().length > 0) await sleep(SETTLE_MS, { summary: 'steps of the ended holder come to rest' });
    const list = todo();
    for (const [index, entry] of list.entries()) {
      setPhase('undoing', `Step ${index + 1} of ${list.length}: ${entry.summary}.`);
      for (let tries = 1; ; tries++) {
        const undone = await runUndo(entry);
        if (!('blocked' in undone)) {
          remains ??= undone.remains;
          break;
        }
        const why = undone.blocked;
        resolved = false;
        const before = blocked?.because;
        blocked = { because: `could not ${entry.summary}: ${why.because}`, next: why.next };
        const command = `temporal workflow update execute --workflow-id ${workflowInfo().workflowId} --name resolve --input '{"by":"you","note":"what you did"}'`;
        setPhase('needs a person', `${blocked.because}. ${blocked.next} If you repair it by hand, run \`${command}\` then.`);
        if (blocked.because !== before) await tellAll();
        // What blocked the undo may go by itself, or a person mends it: tried again and again, soon at first.
        await condition(() => resolved, pauseAfter(tries));
        if (resolved) break;
      }
      if (blocked) {
        blocked = undefined;
        await tellAll();
      }
    }
    for (const waiter of waiting.values()) await report(waiter, true);
  });
  return remains && { remains };
}
