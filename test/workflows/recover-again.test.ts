import assert from 'node:assert/strict';
import type { RecoveryReport } from '../../model/recovery.ts';
import { forever, PlayedRecovery } from '../support/played-recovery.ts';
import { until } from '../support/until.ts';

describe('recoverRedis, of a Redis that fails again while it is watched', function () {
  this.timeout(180_000);
  let played: PlayedRecovery;
  before(async () => {
    played = await PlayedRecovery.open();
  });
  after(() => played?.close());

  const failsAgain = () => ({ since: new Date().toISOString(), detail: 'nothing answers' });

  it('goes back to the first step, with a page that tells what is true now, and whoever waits gets its end', async () => {
    let crashed = false;
    let times = 0;
    const running = await played.start({
      watchWarmup: () => (crashed ? { verdict: 'warm', targetFrom: 'none', seconds: 1, text: 'warm' } : forever()),
      watchServing: async () => {
        if (++times > 1) return forever();
        await until(() => crashed, { what: 'it dies again' });
        return failsAgain();
      },
    });
    await running.see(({ steps }) => steps.some(({ step, state }) => step === 'warmup' && state === 'doing'), 'it is watched');
    const first = (await running.status()).startedAt;
    crashed = true;
    const report = await running.report();
    assert.equal(played.times('restartServer'), 2);
    assert.equal(report.outcome, 'serving');
    assert.match(report.summary, /main\d+ served from .+ to .+ UTC, and failed again: nothing answers\. /);
    assert.ok((await running.status()).startedAt > first, 'a page of its own');
  });

  it('does so a few times, and then leaves it to a person', async () => {
    const report = (await played.run({ watchWarmup: forever, watchServing: failsAgain })) as RecoveryReport;
    assert.deepEqual([report.outcome, played.times('restartServer'), report.earlier?.length], ['not-serving', 5, 4]);
    assert.match(report.toDo.join(), /brought back 5 times: find out why it does not stay/);
  });

  it('goes on with its watches when nobody can look whether it serves', async () => {
    const report = (await played.run({
      watchServing: () => {
        throw new Error('no way to look');
      },
    })) as RecoveryReport;
    assert.equal(report.warmup?.verdict, 'warm');
  });
});
