import assert from 'node:assert/strict';
import { assessment, damaged, forever, PlayedRecovery, said } from '../support/played-recovery.ts';
import { until } from '../support/until.ts';

describe('recoverRedis, under the hand of a person', function () {
  this.timeout(180_000);
  let played: PlayedRecovery;
  before(async () => {
    played = await PlayedRecovery.open();
  });
  after(() => played?.close());

  it('is held before the next act, keeps looking, and goes on', async () => {
    let release = () => undefined as unknown;
    const asked = new Promise<void>((resolve) => {
      release = resolve as () => unknown;
    });
    const running = await played.start({
      assessFailure: async () => {
        await asked;
        return assessment();
      },
    });
    await running.update('hold', { by: 'ann', reason: 'I look at it first' });
    assert.match(await said(running.update('hold', { by: 'bob', reason: 'me too' })), /held already, by ann/);
    release();
    await running.see(({ steps }) => steps.find(({ step }) => step === 'lock')?.state === 'done', 'the lock');
    assert.equal((await running.status()).held?.by, 'ann');
    assert.equal(played.times('startOnce'), 0);
    await running.update('resume', { by: 'ann', reason: 'go' });
    assert.match(await said(running.update('resume', { by: 'ann', reason: 'go' })), /not held/);
    assert.equal((await running.report()).outcome, 'serving');
    assert.equal(played.times('startOnce'), 1);
  });

  it('finishes what has begun when it is aborted, and begins nothing else', async () => {
    let finish = () => undefined as unknown;
    let begun = false;
    const running = await played.start({
      assessFailure: () => damaged(),
      setAside: () => {
        begun = true;
        return new Promise((resolve) => {
          finish = () => resolve({ directory: '/aside', bytes: 10 });
        });
      },
    });
    await until(() => begun, { what: 'setAside' });
    await running.update('abort', { by: 'ann', reason: 'wrong instance' });
    assert.match(await said(running.update('abort', { by: 'ann', reason: 'again' })), /being aborted/);
    finish();
    const report = await running.report();
    assert.equal(report.outcome, 'aborted');
    assert.doesNotMatch(report.summary, /Nothing is left to do/);
    assert.match(report.summary, /Aborted by ann: wrong instance/);
    assert.equal(played.times('startEmpty'), 0);
    assert.equal(played.times('putBackAside'), 1);
  });

  it('ends as cancelled, with what can be put back put back, when it is cancelled', async () => {
    const running = await played.start({
      assessFailure: () => damaged(),
      startEmpty: () => ({ beforeMs: 1 }),
      awaitServingAgain: forever,
    });
    await running.see(({ steps }) => steps.find(({ step }) => step === 'serving')?.state === 'doing', 'serving');
    await running.handle.cancel();
    await assert.rejects(running.result(), ({ cause }: Error) => cause instanceof Error && cause.name === 'CancelledFailure');
    assert.equal(played.times('putBackAside'), 1);
  });

  it('leaves out a step that may be left out, and refuses the others', async () => {
    const running = await played.start({ watchWarmup: forever });
    await running.see(({ steps }) => steps.find(({ step }) => step === 'warmup')?.state === 'doing', 'warm-up');
    assert.match(await said(running.update('skipStep', { step: 'serving', by: 'ann', reason: 'x' })), /cannot be skipped/);
    assert.match(await said(running.update('skipStep', { step: 'dance', by: 'ann', reason: 'x' })), /no step "dance"/);
    assert.match(await said(running.update('skipStep', { step: 'connectivity', by: 'ann', reason: 'x' })), /is over/);
    await running.update('skipStep', { step: 'warmup', by: 'ann', reason: 'the dashboard is enough' });
    const report = await running.report();
    assert.equal(report.warmup, undefined);
    const page = await running.status();
    assert.equal(page.steps.find(({ step }) => step === 'warmup')?.state, 'skipped');
  });

  it('watches longer when it is asked to', async () => {
    const limits: number[] = [];
    const running = await played.start({
      watchWarmup: ({ settings }: { settings: { limitMs: number } }) => {
        limits.push(settings.limitMs);
        return limits.length === 1 ? forever() : { verdict: 'not-warm', seconds: 1, targetFrom: 'none', text: 'not warm: 61 %' };
      },
    });
    await running.see(({ steps }) => steps.find(({ step }) => step === 'warmup')?.state === 'doing', 'warm-up');
    assert.match(await said(running.update('extendMonitoring', { minutes: -1, by: 'ann', reason: 'x' })), /1 to 1440/);
    await running.update('extendMonitoring', { minutes: 30, by: 'ann', reason: 'slow morning' });
    await running.report();
    assert.deepEqual(limits, [60_000, 60_000 + 30 * 60_000]);
  });
});
