import assert from 'node:assert/strict';
import { until } from '../support/until.ts';
import { FAILS, SERVES, UNKNOWN, WatchStage } from './support/watch-stage.ts';

describe('A watcher', function () {
  this.timeout(180_000);
  let stage: WatchStage;
  before(async () => {
    stage = await WatchStage.open();
  });
  afterEach(() => stage.clear());
  after(() => stage?.close());

  const nothingStarted = async (instance: string) => assert.deepEqual(await stage.recoveries(instance), []);
  const recovered = async (instance: string, times = 1) => {
    await until(async () => (await stage.recoveries(instance)).length === times, { what: `${times} recoveries of ${instance}` });
    return (await stage.recoveries(instance))[0];
  };

  it('starts a recovery when worker and platform say that it fails, and again watches when it serves', async () => {
    await stage.watch('two');
    assert.equal((await stage.status('two')).phase, 'watching');
    stage.fail('two', { platform: FAILS });
    assert.deepEqual((await recovered('two'))?.input, { instance: 'two', by: 'watcher' });
    await stage.untilPhase('two', 'recovering');
    assert.equal(await stage.phaseAttribute('two'), 'recovering');
    assert.deepEqual(
      stage.started.filter((name) => name === 'two'),
      ['two'],
      'counted once',
    );
    stage.mend('two');
    await stage.untilPhase('two', 'watching', /serves/);
    assert.equal((await stage.recoveries('two'))[0]?.running, true, 'its recovery goes on');
  });

  it('says that another primary of its history is beside it, starts nothing, and says when that is over', async () => {
    await stage.watch('doubled');
    stage.scene('doubled').twins = [{ address: '10.0.0.7:6379', text: 'Two primaries of one history: 10.0.0.7:6379.' }];
    await stage.untilPhase('doubled', 'trouble', /^Redis serves\. Two primaries of one history: 10\.0\.0\.7:6379\.$/);
    await nothingStarted('doubled');
    stage.scene('doubled').twins = [];
    await stage.untilPhase('doubled', 'watching', /^Redis serves\.$/);
  });

  it('starts one when worker and application say so, although nobody can look at the process', async () => {
    await stage.watch('felt');
    stage.fail('felt', { application: FAILS });
    await recovered('felt');
  });

  for (const [name, scene] of [
    ['alone', { application: UNKNOWN }],
    ['against', { application: SERVES, platform: SERVES }],
    ['between', { application: UNKNOWN, platform: SERVES }],
  ] as const) {
    it(`starts nothing on the word of the worker alone: ${name}`, async () => {
      await stage.watch(name);
      stage.fail(name, scene);
      const { witnesses } = await stage.untilPhase(name, 'suspicious', /Only the side worker/);
      assert.equal(witnesses?.worker.verdict, 'fails');
      await nothingStarted(name);
    });
  }

  it('looks again by itself, and starts when the second side comes to see it', async () => {
    await stage.watch('later');
    stage.fail('later');
    await stage.untilPhase('later', 'suspicious');
    stage.fail('later', { platform: FAILS });
    await recovered('later');
  });

  it('takes the silence of its machine for no answer, and does not wait for it', async () => {
    await stage.watch('silent');
    stage.fail('silent', { application: FAILS, platform: 'nobody' });
    await recovered('silent');
    assert.equal((await stage.status('silent')).witnesses?.platform.detail, 'nobody answers who could see its process');
  });

  it('starts nothing when all instances fail at once, says so, and starts when only this one still fails', async () => {
    await stage.watch('net');
    stage.fail('net', { state: 'all-failing', allFailing: 4, application: FAILS, platform: FAILS });
    const { text } = await stage.untilPhase('net', 'held back');
    assert.match(text, /all 4 other instances failed at the same time: taken for the network of the worker/);
    await nothingStarted('net');
    stage.fail('net', { allFailing: undefined });
    await recovered('net');
  });

  it('waits for an operation that holds the lock', async () => {
    await stage.watch('locked');
    stage.fail('locked', { platform: FAILS, locked: 'restore/locked' });
    await stage.untilPhase('locked', 'held back', /restore\/locked is running/);
    await nothingStarted('locked');
    stage.fail('locked', { locked: undefined });
    await recovered('locked');
  });

  it('joins a recovery that a person has started, and keeps to the cool-down after it', async () => {
    await stage.watch('joined');
    await stage.recoverByHand('joined');
    await until(async () => (await stage.recoveries('joined')).length === 1);
    stage.fail('joined', { platform: FAILS });
    await stage.untilPhase('joined', 'recovering', /running already/);
    await stage.endRecovery('joined');
    assert.match(await stage.alarm('joined'), /^held back: cool-down until ..:..:.. UTC/);
    assert.equal((await stage.recoveries('joined')).length, 1);
  });

  it('takes a recovery that was refused for its input for none', async () => {
    await stage.watch('slip', {}, { mostPerHour: 1 });
    const slip = await stage.recoverByHand('slip', { dryrun: true });
    await assert.rejects(slip.result());
    await until(async () => (await stage.recoveries('slip'))[0]?.running === false, { what: 'its end is listed' });
    stage.fail('slip', { platform: FAILS });
    await recovered('slip', 2);
    await stage.untilPhase('slip', 'recovering');
  });

  it('starts again after the cool-down, and no more than mostPerHour', async () => {
    await stage.watch('often', {}, { coolDownMs: 1, mostPerHour: 2 });
    for (const times of [1, 2]) {
      stage.fail('often', { platform: FAILS });
      await recovered('often', times);
      await stage.untilPhase('often', 'recovering');
      stage.mend('often');
      await stage.untilPhase('often', 'watching');
      await stage.endRecovery('often');
    }
    stage.fail('often', { platform: FAILS });
    await stage.untilPhase('often', 'held back', /2 recoveries within an hour, and mostPerHour is 2: a person must look/);
    assert.equal((await stage.recoveries('often')).length, 2);
  });

  describe('in mode ask', () => {
    const asked = async (instance: string) => {
      await stage.watch(instance, {}, { mode: 'ask' });
      stage.fail(instance, { platform: FAILS });
      const { question } = await stage.untilPhase(instance, 'asks');
      assert.match(question?.text ?? '', /has failed since .* \(connection refused\)\. Start its recovery\?/);
      assert.equal(await stage.phaseAttribute(instance), 'asks');
      return question?.incident ?? '';
    };

    it('starts a recovery only when a person approves', async () => {
      const incident = await asked('ask-yes');
      await nothingStarted('ask-yes');
      await assert.rejects(stage.decide('ask-yes', 'approve', 'another'), /Workflow Update failed|rejected/);
      assert.equal(await stage.alarm('ask-yes'), 'asked');
      assert.equal(await stage.alarm('ask-yes'), 'already handled');
      assert.equal(await stage.decide('ask-yes', 'approve', incident), 'started');
      assert.deepEqual((await recovered('ask-yes'))?.input, { instance: 'ask-yes', by: 'ann' });
    });

    it('does not ask again after no, until it has served again', async () => {
      const incident = await asked('ask-no');
      await stage.decide('ask-no', 'decline', incident);
      await stage.untilPhase('ask-no', 'held back', /declined by ann \(as I say\) until it has served again/);
      assert.match(await stage.alarm('ask-no'), /^held back: declined by ann/);
      stage.mend('ask-no');
      await stage.untilPhase('ask-no', 'watching');
      stage.fail('ask-no', { platform: FAILS });
      await stage.untilPhase('ask-no', 'asks');
      await nothingStarted('ask-no');
    });

    it('does not take a load that fails for having served', async () => {
      const incident = await asked('ask-load');
      await stage.decide('ask-load', 'decline', incident);
      stage.scene('ask-load').state = 'loading';
      await stage.untilPhase('ask-load', 'watching');
      stage.fail('ask-load', { platform: FAILS });
      await stage.untilPhase('ask-load', 'held back', /declined by ann/);
    });

    it('asks again when the recovery has changed nothing', async () => {
      const incident = await asked('ask-twice');
      stage.scene('ask-twice').settings.coolDownMs = 1;
      await stage.decide('ask-twice', 'approve', incident);
      await stage.untilPhase('ask-twice', 'recovering');
      await stage.endRecovery('ask-twice');
      await stage.untilPhase('ask-twice', 'asks');
      assert.equal((await stage.recoveries('ask-twice')).length, 1);
    });

    it('closes the question when it serves again', async () => {
      const incident = await asked('ask-well');
      stage.mend('ask-well');
      assert.equal((await stage.untilPhase('ask-well', 'watching')).question, undefined);
      await assert.rejects(stage.decide('ask-well', 'approve', incident));
      await nothingStarted('ask-well');
    });
  });

  describe('told by an alarm', () => {
    it('does not take it for enough while Redis serves', async () => {
      await stage.watch('rumour');
      assert.equal(await stage.alarm('rumour'), 'not confirmed');
      assert.equal(await stage.alarm('rumour'), 'not confirmed', 'it may be right the next time');
      await nothingStarted('rumour');
    });

    it('takes it for the word of the applications', async () => {
      await stage.watch('witness');
      stage.fail('witness');
      await stage.untilPhase('witness', 'suspicious');
      assert.equal(await stage.alarm('witness'), 'started');
      assert.deepEqual((await recovered('witness'))?.input, { instance: 'witness', by: 'alert RedisDown' });
      assert.equal(await stage.alarm('witness'), 'already handled');
    });

    it('believes applications that work with Redis more', async () => {
      await stage.watch('cut-off');
      stage.fail('cut-off', { application: SERVES });
      await stage.untilPhase('cut-off', 'suspicious');
      assert.equal(await stage.alarm('cut-off'), 'not confirmed');
    });

    it('does not act before it has failed for long enough, and then by itself', async () => {
      await stage.watch('early');
      stage.scene('early').worker = FAILS;
      assert.equal(await stage.alarm('early'), 'held back: it must have failed for 0.2 s');
      stage.fail('early');
      assert.deepEqual((await recovered('early'))?.input, { instance: 'early', by: 'alert RedisDown' });
      assert.equal(await stage.alarm('early'), 'already handled');
    });

    it('holds back while an operation runs', async () => {
      await stage.watch('busy', { worker: FAILS, locked: 'restore/busy' });
      assert.equal(await stage.alarm('busy'), 'held back: restore/busy is running');
    });

    it('starts one recovery for 50 alarms of two incidents at once', async () => {
      await stage.watch('storm');
      stage.fail('storm');
      await stage.untilPhase('storm', 'suspicious');
      const alarms = Array.from({ length: 50 }, (_, n) => stage.alarm('storm', { incident: `storm@${n % 2}` }));
      const answers = (await Promise.all(alarms)).sort();
      // An answer may be lost where the watcher begins a new run; whoever asks again is told `already handled`.
      assert.ok(answers.filter((one) => one === 'started').length <= 1, answers.join());
      assert.deepEqual(
        answers.filter((one) => !['already handled', 'joined', 'started'].includes(one)),
        [],
      );
      assert.equal((await stage.recoveries('storm')).length, 1);
    });

    it('is started by it, and goes on to watch', async () => {
      stage.play('fresh');
      assert.equal(await stage.alarm('fresh'), 'not confirmed');
      stage.fail('fresh', { platform: FAILS });
      await recovered('fresh');
    });

    it('remembers incidents, and what it has asked, when it begins a new run', async () => {
      await stage.watch('long', {}, { mode: 'ask' });
      stage.fail('long', { platform: FAILS });
      await stage.untilPhase('long', 'asks');
      assert.equal(await stage.alarm('long', { incident: 'first' }), 'asked');
      const handle = stage.client.workflow.getHandle('watch/long');
      const { runId } = await handle.describe();
      for (let n = 0; n < 12; n++) await stage.alarm('long', { incident: `more-${n}` });
      await until(async () => (await handle.describe()).runId !== runId, { what: 'a new run' });
      assert.equal(await stage.alarm('long', { incident: 'first' }), 'already handled');
      assert.ok((await stage.status('long')).question, 'the question stands');
    });

    it('refuses one that says nothing', async () => {
      await stage.watch('empty');
      await assert.rejects(stage.alarm('empty', { startsAt: 'soon' }));
    });
  });
});
