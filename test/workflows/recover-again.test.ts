import assert from 'node:assert/strict';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { forever, lost, merged, PlayedRecovery } from '../support/played-recovery.ts';
import { until } from '../support/until.ts';

describe('recoverRedis, of a Redis that fails again when it had served', function () {
  this.timeout(180_000);
  let played: PlayedRecovery;
  before(async () => {
    played = await PlayedRecovery.open();
  });
  after(() => played?.close());

  const failsAgain = () => ({ since: new Date().toISOString(), detail: 'nothing answers' });

  it('goes back to the first step, with a page that tells what is true now, and whoever waits gets its end', async () => {
    let crashed = false;
    const running = await played.start({
      watchWarmup: () => (crashed ? { verdict: 'warm', targetFrom: 'none', seconds: 1, text: 'warm' } : forever()),
      watchServing: async () => {
        if (played.times('startOnce') > 1) return forever();
        await until(() => crashed, { what: 'it dies again' });
        return failsAgain();
      },
    });
    await running.see(({ steps }) => steps.some(({ step, state }) => step === 'warmup' && state === 'doing'), 'it is watched');
    const first = (await running.status()).startedAt;
    crashed = true;
    const report = await running.report();
    assert.equal(played.times('startOnce'), 2);
    assert.equal(report.outcome, 'serving');
    assert.match(report.summary, /main\d+ served from .+ to .+ UTC, and failed again: nothing answers\. /);
    assert.ok((await running.status()).startedAt > first, 'a page of its own');
  });

  /** The first guard sees it die when the step has begun; what comes back then goes on serving. */
  const diesDuring = (step: string) => {
    let guards = 0;
    return {
      watchServing: async () => {
        if (++guards > 1) return forever();
        await until(() => played.times(step) > 0, { what: `${step} has begun` });
        return failsAgain();
      },
    };
  };

  it('counts how long it answers from its new start, where a restore has stopped it in between', async () => {
    const stop = { stoppedBy: 'restore/main', since: '2026-08-01T10:20:00.000Z' };
    const anew = { stoppedBy: 'restore/main', answersSince: '2026-08-01T10:21:00.000Z', runId: 'new' };
    let [isStopped, answers, ends] = [false, false, false];
    const seen: unknown[] = [];
    const running = await played.start({
      watchWarmup: async () => {
        await until(() => ends, { what: 'the watch may end' });
        return { verdict: 'warm', targetFrom: 'none', seconds: 1, text: 'warm' };
      },
      watchServing: async (input: { stoppedBy?: string; runId?: string }) => {
        if (played.times('watchWarmup') === 0) return forever();
        seen.push([input.stoppedBy, input.runId]);
        if (input.runId === 'new') return forever();
        await until(() => (input.stoppedBy ? answers : isStopped), { what: 'its turn' });
        return input.stoppedBy ? anew : stop;
      },
    });
    await running.see(({ clients }) => clients.startsWith('reads and writes are answered since'), 'it serves');
    isStopped = true;
    await running.see(
      ({ clients }) => clients === 'nothing is answered: restore/main has stopped Redis, since 10:20:00 UTC',
      'it is stopped',
    );
    answers = true;
    await running.see(
      ({ clients }) => clients === 'reads and writes are answered since 10:21:00 UTC, after restore/main had stopped Redis',
      'it answers anew',
    );
    ends = true;
    const report = await running.report();
    assert.match(report.summary, /and serves since 10:21:00 UTC, after restore\/main had stopped it\./);
    assert.deepEqual(
      (seen as unknown[][]).map(([by]) => by),
      [undefined, 'restore/main', undefined],
    );
    assert.equal(played.times('startOnce'), 1);
  });

  it('goes back while it takes a snapshot, too, and keeps nothing that it held the lock for', async () => {
    const report = (await played.run({
      ...diesDuring('storeSnapshot'),
      storeSnapshot: () => (played.times('startOnce') > 1 ? stored() : forever()),
    })) as RecoveryReport;
    assert.deepEqual([report.outcome, played.times('startOnce'), report.snapshot], ['serving', 2, 'again']);
    assert.match(report.summary, /and failed again: nothing answers/);
  });

  it('goes back while applications are waited for, and while keys are brought back', async () => {
    const isFirst = () => played.times('startOnce') < 2;
    const apps = (await played.run({
      ...diesDuring('watchConnectivity'),
      watchConnectivity: () => (isFirst() ? forever() : []),
    })) as RecoveryReport;
    assert.deepEqual([apps.outcome, played.times('startOnce')], ['serving', 2]);
    const merging = (await played.run({
      ...diesDuring('mergeClasses'),
      decideData: () => lost({ decision: 'restore' }),
      mergeClasses: () => (isFirst() ? forever() : merged()),
    })) as RecoveryReport;
    assert.deepEqual([merging.outcome, played.times('startOnce'), merging.restored?.length], ['serving', 2, 1]);
  });

  it('goes back while it asks whether keys are brought back: nobody is asked about a Redis that is dead', async () => {
    let crashed = false;
    const running = await played.start({
      decideData: () => (crashed ? { ...lost(), verdict: 'within-tolerance', decision: 'go-on' } : lost()),
      watchServing: async () => {
        if (crashed) return forever();
        await until(() => crashed, { what: 'it dies again' });
        return failsAgain();
      },
    });
    await running.question();
    crashed = true;
    const report = await running.report();
    assert.deepEqual([report.outcome, played.times('startOnce')], ['serving', 2]);
  });

  it('says that it failed while it is held, and does nothing until somebody lets it go on', async () => {
    let crashed = false;
    const running = await played.start({
      watchWarmup: () =>
        played.times('startOnce') > 1 ? { verdict: 'warm', targetFrom: 'none', seconds: 1, text: 'warm' } : forever(),
      watchServing: async () => {
        if (played.times('startOnce') > 1) return forever();
        await until(() => crashed, { what: 'it dies again' });
        return failsAgain();
      },
    });
    await running.see(({ steps }) => steps.some(({ step, state }) => step === 'warmup' && state === 'doing'), 'it is watched');
    await running.update('hold', { by: 'ann', reason: 'a look' });
    crashed = true;
    await running.see(({ clients }) => clients.includes('failed again'), 'that it failed');
    assert.equal(played.times('startOnce'), 1);
    await running.update('resume', { by: 'ann', reason: 'seen' });
    assert.equal((await running.report()).outcome, 'serving');
    assert.equal(played.times('startOnce'), 2);
  });

  it('does so a few times, and then leaves it to a person', async () => {
    const report = (await played.run({ watchWarmup: forever, watchServing: failsAgain })) as RecoveryReport;
    assert.deepEqual([report.outcome, played.times('startOnce'), report.earlier?.length], ['not-serving', 5, 4]);
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

const stored = () => ({
  manifest: { backupId: 'again', shard: '0', rdb: { keys: 100, bytes: 10 }, stored: { bytes: 5, sha256: '' } },
  seconds: 1,
  warnings: [],
});
