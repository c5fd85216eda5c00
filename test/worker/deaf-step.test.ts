import assert from 'node:assert/strict';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { currentJob } from '../../activities/job-context.ts';
import { JobInterceptor } from '../../worker/interceptors.ts';

const QUIET = new DefaultLogger('ERROR', () => undefined);

/** A step under our interceptor, cancelled as soon as it has begun. */
async function cancelled(
  step: () => Promise<unknown>,
  { activityType = 'stopServer', reason = 'CANCELLED' } = {},
): Promise<unknown> {
  const environment = new MockActivityEnvironment({ activityType }, { logger: QUIET });
  const run = environment.run(async () => {
    const interceptor = new JobInterceptor(environment.context);
    const ends = interceptor.execute({ args: [{}], headers: {} }, () => {
      setImmediate(() => environment.cancel(reason as 'CANCELLED'));
      return step();
    });
    return ends;
  });
  return run;
}

describe('A step that is cancelled', () => {
  const deaf = () => new Promise(() => undefined);

  it('ends at once when it hears that', async () => {
    const hears = () =>
      new Promise((_, reject) => currentJob().signal.addEventListener('abort', () => reject(new Error('I go'))));
    await assert.rejects(cancelled(hears), CancelledFailure);
  });

  it('is left to itself when it does not, and what it has begun can be put back', async () => {
    await assert.rejects(cancelled(deaf), CancelledFailure);
  });

  it('has come to its end all the same when it does so soon', async () => {
    assert.equal(await cancelled(async () => 'done'), 'done');
  });

  for (const activityType of ['loadLive', 'followStream'])
    it(`decides by itself when to end, as ${activityType}`, async () => {
      let go: (value: string) => void = () => undefined;
      const ended = cancelled(() => new Promise((resolve) => (go = resolve)), { activityType });
      const first = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1_500, 'not yet'))]);
      assert.equal(first, 'not yet');
      go('in its own time');
      assert.equal(await ended, 'in its own time');
    });
});
