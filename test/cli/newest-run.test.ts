import assert from 'node:assert/strict';
import { ServiceError, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { newestRun } from '../../cli/operations/newest-run.ts';

/** As grpc-js throws it: a Temporal that goes away just now cannot be had when it is wanted. */
const AWAY = Object.assign(new Error('14 UNAVAILABLE: connection dropped'), {
  code: 14,
  details: 'connection dropped',
  metadata: {},
});

const handleThat = (describe: () => Promise<unknown>) => ({ describe }) as unknown as WorkflowHandle;

describe('What is said of the newest run', () => {
  it('is that there was none, when Temporal says so', async () => {
    const handle = handleThat(() => Promise.reject(new WorkflowNotFoundError('not found', 'recover/main', undefined)));
    assert.equal(await newestRun(handle, undefined), undefined);
  });

  it('is never that there was none, when Temporal did not answer', async () => {
    const handle = handleThat(() => Promise.reject(new ServiceError('Failed to describe workflow', { cause: AWAY })));
    await assert.rejects(newestRun(handle, undefined), {
      code: 'TEMPORAL_UNREACHABLE',
      message: /does not answer: the connection was lost/,
    });
  });
});
