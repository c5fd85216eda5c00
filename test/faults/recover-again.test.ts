import assert from 'node:assert/strict';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { KEYS, quickRecovery, Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

describe('A Redis that dies again while its recovery watches', function () {
  this.timeout(180_000);
  let redis: Troubled;
  before(async () => {
    const warmup = { window: '1s', windows: 50, minLookups: 1, target: 1, limit: '100s' };
    redis = await Troubled.open({ instance: { recovery: quickRecovery({ warmup }) } });
    await redis.stand({ config: { appendonly: 'yes', appendfsync: 'always' } });
  });
  after(() => redis?.close());

  const watches = () =>
    until(async () => (await redis.status()).steps.some(({ step, state }) => step === 'warmup' && state === 'doing'), {
      what: 'it serves and is watched',
      seconds: 40,
    });

  it('is brought back by the same recovery, without anybody doing anything', async () => {
    await redis.kill();
    const running = await redis.start();
    await watches();
    const { startedAt } = await redis.status();
    await redis.kill();
    await until(async () => (await redis.status()).startedAt > startedAt, { what: 'a page of its own', seconds: 40 });
    await watches();
    assert.match((await redis.status()).notes.join(), /main served from .+ UTC, and failed again: /);
    assert.equal(await redis.ask('DBSIZE'), KEYS);
    await redis.house.client.workflow
      .getHandle(running.workflowId)
      .executeUpdate('abort', { args: [{ by: 'ann', reason: 'seen' }] });
    const report = (await running.result()) as RecoveryReport;
    assert.deepEqual([report.outcome, report.earlier?.length], ['aborted', 1]);
  });
});
