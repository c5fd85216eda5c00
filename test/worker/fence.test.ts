import assert from 'node:assert/strict';
import { type Client, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { ERRORS } from '../../model/errors.ts';
import { requireLock } from '../../worker/fence.ts';

/** The SDK logs each failure of a step. */
const QUIET = new DefaultLogger('ERROR', () => undefined);
const OURS = { workflowId: 'restore/main', runId: 'run-1' };

/** What Temporal says of the lock, asked by an activity of our run. A real one cannot be made to fail at this very call. */
function fenceWhere(describe: () => Promise<unknown>, workflowExecution = OURS): Promise<void> {
  const client = {
    workflow: { getHandle: () => ({ describe: () => describe() }) },
    withAbortSignal: (_: AbortSignal, call: () => unknown) => call(),
  } as unknown as Client;
  return new MockActivityEnvironment({ workflowExecution }, { client, logger: QUIET }).run(requireLock, 'main');
}

const heldBy =
  (holder: typeof OURS, status = 'RUNNING') =>
  async () => ({
    status: { name: status },
    runId: 'lock-run',
    memo: { holder },
  });

describe('The fence before a change', () => {
  it('lets the run pass that holds the lock, and the lock itself while it undoes', async () => {
    await fenceWhere(heldBy(OURS));
    await fenceWhere(heldBy(OURS), { workflowId: 'lock/main', runId: 'lock-run' });
  });

  it('stops a run for good when another one holds the lock, when it has ended, and when there is none', async () => {
    const none = () => Promise.reject(new WorkflowNotFoundError('not found', 'lock/main', undefined));
    for (const answer of [heldBy({ ...OURS, runId: 'run-2' }), heldBy(OURS, 'TERMINATED'), none])
      await assert.rejects(fenceWhere(answer), { code: 'LOCK_LOST' });
  });

  it('lets nothing pass while Temporal cannot be asked, and has the step tried again', async () => {
    const away = () => Promise.reject(new ServiceError('no connection'));
    await assert.rejects(fenceWhere(away), { code: 'TEMPORAL_UNREACHABLE', message: /lock\/main .*no connection/ });
    assert.equal(ERRORS.TEMPORAL_UNREACHABLE.retryable, true);
  });
});
