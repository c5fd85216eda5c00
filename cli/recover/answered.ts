import { hasCode, RecoveryError } from '../../model/errors.ts';
import { askWithin, statusOf } from '../operations/index.ts';
import type { RunningOperation } from '../operations/start.ts';
import type { TemporalSession } from '../temporal.ts';

const DESCRIBED_MS = 3_000;

/**
 * Resolves when a worker answers for a recovery, or when it cannot be told whether one does.
 * @throws RecoveryError `PLACE_UNREACHABLE` within seconds when none does: nothing goes on then, and nobody sees a page
 */
export async function requireAnswer(running: RunningOperation, session: TemporalSession): Promise<void> {
  try {
    await askWithin(session, running.handle, 'status');
  } catch (error) {
    if (hasCode(error, 'PLACE_UNREACHABLE') && (await isLeftAlone(running, session)))
      throw staysStarted(running.workflowId, session);
  }
}

/** A Temporal that doesn't answer says nothing of the workers; and one whose decisions fail is there. */
async function isLeftAlone({ handle }: RunningOperation, { connection }: TemporalSession): Promise<boolean> {
  const asked = connection.withDeadline(Date.now() + DESCRIBED_MS, () =>
    Promise.all([handle.describe(), statusOf(handle, Date.now())]),
  );
  return asked.then(
    ([{ status }, { note, waits }]) => status.name === 'RUNNING' && (waits === true || note === undefined),
    () => false,
  );
}

const staysStarted = (workflowId: string, session: TemporalSession) =>
  new RecoveryError('PLACE_UNREACHABLE', `${workflowId} is started, but no worker polls for it: nothing is done meanwhile`, {
    next: `Start \`redis-backup worker\`, as a service: it stays started, and a worker that comes does it. Cancel it with \`${session.commandLine(`workflow cancel --workflow-id ${workflowId}`)}\`.`,
  });
