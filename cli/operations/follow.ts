import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { RecoveryError } from '../../model/errors.ts';
import { errorOfTemporal, isAway, unreachable } from '../../worker/temporal-errors.ts';
import type { Output, ShownStatus } from '../output/output.ts';
import type { TemporalSession } from '../temporal.ts';
import { failureOfWorkflow } from './failures.ts';
import type { RunningOperation } from './start.ts';
import { statusOf } from './status.ts';

const POLL_MS = 1_000;
/** A Temporal that is there answers in milliseconds; without a limit its client would try for half a minute in silence. */
const ANSWER_MS = 3_000;
const TOLD_TOO_MS = 15_000;
/** How long Temporal may be away while we follow: the time of a restart, with room. */
const TEMPORAL_AWAY_MS = 5 * 60_000;

export interface FollowOperationOptions {
  session: TemporalSession;
  output: Output;
  /** Ctrl-C. */
  interrupt: AbortSignal;
}

/**
 * Shows what the operation does until it ends, and returns its result.
 * @throws RecoveryError with the code that the operation failed with; `DETACHED` on Ctrl-C: the operation goes on
 */
export async function followOperation<T>(running: RunningOperation, options: FollowOperationOptions): Promise<T> {
  const { interrupt, session, output } = options;
  const stop = new AbortController();
  const contact: Contact = { stop: stop.signal, lastMs: Date.now() };
  try {
    const result = resultOf<T>(running, session, contact);
    const ended = result.then(
      () => true,
      () => true, // told by `await result` below
    );
    while (!(await Promise.race([ended, sleep(POLL_MS, false, { signal: interrupt }).catch(() => false)]))) {
      if (interrupt.aborted) throw detached(running, session);
      const status = await look(running, session, contact).catch((error) => untilToldToo(error, result));
      output.status(status);
      if (status.blocked) throw needsPerson(running, status.blocked);
    }
    return await result;
  } finally {
    stop.abort();
  }
}

/** When Temporal was last heard of, and when nobody listens any more. */
interface Contact {
  readonly stop: AbortSignal;
  lastMs: number;
}

async function look(
  { handle, workflowId }: RunningOperation,
  { connection }: TemporalSession,
  contact: Contact,
): Promise<ShownStatus> {
  try {
    const status = await connection.withDeadline(Date.now() + ANSWER_MS, () => statusOf(handle, Date.now()));
    contact.lastMs = Date.now();
    return status;
  } catch (error) {
    if (isAway(error)) return { workflowId, note: 'Temporal does not answer; the operation goes on without this command' };
    throw errorOfTemporal(error);
  }
}

async function resultOf<T>({ handle, workflowId }: RunningOperation, session: TemporalSession, contact: Contact): Promise<T> {
  for (;;) {
    try {
      // The wait is one long call, which would keep the process alive after Ctrl-C.
      return (await session.connection.withAbortSignal(contact.stop, () => handle.result())) as T;
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw failureOfWorkflow(error, workflowId, session);
      if (!isAway(error) || contact.stop.aborted) throw errorOfTemporal(error);
      if (Date.now() - contact.lastMs > TEMPORAL_AWAY_MS) throw unreachable(session.address, error);
      await sleep(POLL_MS, undefined, { signal: contact.stop });
    }
  }
}

/** The operation and the lock go on; whoever waits must know at once that it is for them to act. */
const needsPerson = ({ workflowId }: RunningOperation, { because, next, by }: NonNullable<ShownStatus['blocked']>) =>
  new RecoveryError('NEEDS_PERSON', `${by} ${because}${by === workflowId ? '' : `; ${workflowId} waits for it`}`, {
    next: `${next} It is tried again by itself, and ${workflowId} goes on without this command.`,
  });

function detached({ workflowId }: RunningOperation, session: TemporalSession): RecoveryError {
  const watch = session.commandLine(`workflow result --workflow-id ${workflowId}`);
  const cancel = session.commandLine(`workflow cancel --workflow-id ${workflowId}`);
  return new RecoveryError('DETACHED', `${workflowId} goes on without this command`, {
    next: `Wait for it with \`${watch}\`; cancel it with \`${cancel}\`.`,
  });
}

/** The wait for the result is told the same at its next attempt: until then nobody closes the connection under it. */
async function untilToldToo(error: unknown, result: Promise<unknown>): Promise<never> {
  await Promise.race([result.catch(() => undefined), sleep(TOLD_TOO_MS)]);
  throw error;
}
