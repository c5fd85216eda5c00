import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { messageOf, RecoveryError } from '../model/errors.ts';
import type { LockHolder } from '../model/lock.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { inOwnDeployment } from './own-deployment.ts';

/**
 * Passes only while the run that this activity belongs to holds the lock of the instance, or is that lock itself, undoing.
 * A run that was reset believes that it still holds it; DescribeWorkflowExecution is consistent and knows better (lists are not).
 * @throws RecoveryError `LOCK_LOST`; `TEMPORAL_UNREACHABLE`, which is tried again, when it can't be known
 */
export async function requireLock(instance: string): Promise<void> {
  const { info, client } = Context.current();
  const { workflowId, runId } = info.workflowExecution ?? {};
  const lockId = inOwnDeployment(WORKFLOW_IDS.lock(instance));
  const lock = await client.workflow
    .getHandle(lockId)
    .describe()
    .catch((error) => {
      throw error instanceof WorkflowNotFoundError ? lost(instance, `there is no ${lockId}`) : notKnown(lockId, error);
    });
  const holder = lock.memo?.holder as LockHolder | undefined;
  const own = workflowId === lockId ? lock.runId : holder?.runId;
  if (lock.status.name === 'RUNNING' && own === runId) return;
  throw lost(instance, `${lockId} is ${lock.status.name.toLowerCase()} and held by ${holder?.workflowId}, run ${holder?.runId}`);
}

const notKnown = (lockId: string, cause: unknown) =>
  new RecoveryError('TEMPORAL_UNREACHABLE', `${lockId} can't be described: ${messageOf(cause)}`, {
    next: 'It is tried again. Nothing is changed by this run before it knows that it holds the lock.',
    cause,
  });

const lost = (instance: string, why: string) =>
  new RecoveryError(
    'LOCK_LOST',
    `run ${Context.current().info.workflowExecution?.runId} does not hold the lock of ${instance}: ${why}`,
    {
      next: 'Nothing more is changed by this run. Start the operation again when the lock has ended.',
    },
  );
