import assert from 'node:assert/strict';
import { ApplicationFailure } from '@temporalio/common';
import { until } from '../../support/until.ts';
import { useStage } from '../support/stage.ts';

describe('redis-backup recover --watch, of a recovery that has ended', function () {
  this.timeout(60_000);
  const on = useStage();

  const runs = async (play: () => object): Promise<string> => {
    on.stage.play = async () => play();
    const options = { workflowId: 'recover/main', taskQueue: 'redis-ops', args: [{ instance: 'main' }] };
    const handle = await on.stage.client.workflow.start('recoverRedis', options);
    await handle.result().catch(() => undefined);
    const { runId } = await handle.describe();
    const isListed = async () => {
      for await (const run of on.stage.client.workflow.list({ query: 'WorkflowId = "recover/main"' }))
        if (run.runId === runId && run.status.name !== 'RUNNING') return true;
      return false;
    };
    await until(isListed, { what: 'Temporal lists that it has ended' });
    return runId;
  };
  /** As a worker refuses what was mistyped, before anything is said of the instance. */
  const refuses = () => {
    throw ApplicationFailure.create({ type: 'INPUT_INVALID', message: 'unknown field "dryrun"', nonRetryable: true });
  };

  it('says that none has run where there are only runs whose input was refused', async () => {
    await runs(refuses);
    const { code, stderr } = await on.site.run('recover --watch');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^error: no recovery of main has run$/m);
  });

  it('shows the newest that was one, and none whose input was refused behind it', async () => {
    await runs(() => ({ outcome: 'joined', because: 'the first' }));
    await runs(() => ({ outcome: 'joined', because: 'the second' }));
    await runs(refuses);
    await runs(refuses);
    const { code, stdout, stderr } = await on.site.run('recover --watch');
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'joined: the second\n');
  });
});
