import assert from 'node:assert/strict';
import { Worker } from '@temporalio/worker';
import type { PlannedAction } from '../../model/recovery/actions.ts';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { workflowBundle } from '../../worker/workflow-bundle.ts';
import { failureOf } from '../support/failure-of.ts';
import {
  assessment,
  fails,
  forever,
  healthy,
  lost,
  PlayedRecovery,
  type RunningRecovery,
  said,
  serves,
} from '../support/played-recovery.ts';
import { until } from '../support/until.ts';

const soon = <T>(promise: Promise<T>, seconds = 45): Promise<T> =>
  Promise.race([
    promise,
    new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`not over after ${seconds} s`)), seconds * 1000).unref()),
  ]);
/** Before it is asserted that something did NOT happen: many times what the next step of a recovery takes, and no event ends it. */
const notWithin = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const ASKED = { question: 'Start empty?', otherwise: 'proceed' } as const;
const damaged = (askForMs: number) => {
  const actions: PlannedAction[] = [
    { action: 'set-aside', text: 'keep the damaged log' },
    { action: 'start-empty', text: 'start without it', ask: ASKED },
  ];
  const plan = assessment({ failure: 'aof-damaged', restartHelps: false, actions });
  return { ...plan, settings: { ...plan.settings, askForMs } };
};
const refusing = fails('REDIS_UNREACHABLE', 'nobody is there');

/** A step that waits until the test lets it go on. */
function gate<T>(answer: T) {
  let open = () => undefined as unknown;
  const opened = new Promise<void>((resolve) => {
    open = resolve as () => unknown;
  });
  let begun = false;
  return {
    step: () => {
      begun = true;
      return opened.then(() => answer);
    },
    begun: () => begun,
    open: () => open(),
  };
}

/** One runs, and is ended first. */
const toEnd = () => ({ record: {}, isNew: true, end: { identity: 'process 7' } });

describe('recoverRedis, steered', function () {
  this.timeout(180_000);
  let played: PlayedRecovery;
  let beforeTask: () => Promise<unknown>;
  beforeEach(() => {
    beforeTask = async () => undefined;
  });
  const started: RunningRecovery[] = [];
  const start = async (...args: Parameters<PlayedRecovery['start']>) => {
    const running = await played.start(...args);
    started.push(running);
    return running;
  };
  before(async () => {
    played = await PlayedRecovery.open({}, () => beforeTask());
  });
  afterEach(async () => {
    for (const { handle } of started.splice(0)) await handle.terminate('over').catch(() => undefined);
  });
  after(() => played?.close());

  it('ends at once when it is aborted before anything was seen', async () => {
    const running = await start({ assessFailure: forever });
    await until(() => played.times('assessFailure') > 0, { what: 'the look' });
    await running.update('abort', { by: 'ann', reason: 'wrong instance' });
    assert.match(await said(soon(running.result())), /./);
    assert.equal((await running.handle.describe()).status.name, 'FAILED');
  });

  it('is aborted while the archiver lets go and something runs that is finished first', async () => {
    const aside = gate({ directory: '/aside', bytes: 10 });
    const running = await start({ assessFailure: () => damaged(20_000), detachArchiver: forever, setAside: aside.step });
    await until(() => aside.begun() && played.times('detachArchiver') > 0, { what: 'both' });
    await running.update('abort', { by: 'ann', reason: 'wrong instance' });
    await running.see(({ notes }) => notes.some((note) => note.includes('aborts')), 'the note');
    const cancelled = async () =>
      (await running.handle.fetchHistory()).events?.some(({ activityTaskCanceledEventAttributes: one }) => one) === true;
    await until(cancelled, { what: 'the archiver is not waited for any more', seconds: 10 });
    aside.open();
    assert.equal((await soon(running.report())).outcome, 'aborted');
    const { events } = await running.handle.fetchHistory();
    assert.deepEqual(
      events?.filter(({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes),
      [],
    );
  });

  it('refuses a message whose fields are no text', async () => {
    const running = await start({ watchWarmup: forever });
    await running.see(({ steps }) => steps.find(({ step }) => step === 'warmup')?.state === 'doing', 'warm-up');
    assert.match(await said(soon(running.update('hold', { by: 5, reason: true }))), /by/);
    assert.match(await said(soon(running.update('skipStep', { step: 'warmup', by: { a: 1 }, reason: 'x' }))), /by/);
  });

  it('keeps Redis down when a start without data is declined', async () => {
    const running = await start({ assessFailure: () => damaged(1500), awaitServingAgain: refusing });
    const { plan } = await running.question();
    await running.update('approve', { by: 'ann', plan, decline: true });
    const report = await soon(running.report());
    assert.equal(played.times('startEmpty'), 0);
    assert.equal(report.outcome, 'not-serving');
  });

  it('does nothing while it is held, although the time to answer is over', async () => {
    const running = await start({ assessFailure: () => damaged(1500) });
    await running.question();
    await running.update('hold', { by: 'ann', reason: 'I look at it first' });
    await running.see(({ question }) => question === undefined, 'the end of the question');
    await notWithin(500);
    assert.equal(played.times('startEmpty'), 0);
    await running.update('resume', { by: 'ann', reason: 'go' });
    assert.equal((await soon(running.report())).outcome, 'serving');
    assert.equal(played.times('startEmpty'), 1);
  });

  it('asks no longer when the step is left out that it asks for', async () => {
    const running = await start({ assessFailure: () => damaged(2000), awaitServingAgain: refusing });
    await running.question();
    await running.update('skipStep', { step: 'restart', by: 'ann', reason: 'by hand' });
    await running.see(({ question }) => question === undefined, 'the end of the question');
    const report = await soon(running.report());
    assert.equal(played.times('startEmpty'), 0);
    assert.equal(report.outcome, 'not-serving');
  });

  it('asks nothing any more when the data decision is skipped', async () => {
    const running = await start({ decideData: () => lost(), watchWarmup: forever });
    await running.question();
    await running.update('skipStep', { step: 'data', by: 'ann', reason: 'not now' });
    await running.see(({ steps }) => steps.find(({ step }) => step === 'warmup')?.state === 'doing', 'warm-up');
    assert.equal((await running.status()).question, undefined);
  });

  it('asks nothing any more when it was aborted', async () => {
    const running = await start({ decideData: () => lost() });
    await running.question();
    await running.update('abort', { by: 'ann', reason: 'test' });
    await running.result();
    assert.equal((await running.status()).question, undefined);
  });

  it('refuses to leave out a restart that runs, and says what can be done', async () => {
    const restarting = gate({ beforeMs: Date.now() });
    const running = await start({ startOnce: restarting.step });
    await until(restarting.begun, { what: 'the restart' });
    const { message, next } = await failureOf(running.update('skipStep', { step: 'restart', by: 'ann', reason: 'too late' }));
    assert.match(message, /^step restart has begun: half of it/);
    assert.match(next, /`hold` .*`abort` /);
    restarting.open();
    const report = await soon(running.report());
    assert.equal(report.outcome, 'serving');
    assert.equal((await running.status()).steps.find(({ step }) => step === 'restart')?.state, 'done');
  });

  it('leaves out what a step that has begun asks for further on', async () => {
    const running = await start({
      assessFailure: () => assessment({ failure: 'silent', actions: [{ action: 'restart', text: 'restart it' }] }),
      decideRestart: toEnd,
      endServer: fails('STOP_FAILED', 'process 7 does not end'),
      awaitServingAgain: refusing,
    });
    await running.question();
    await running.update('skipStep', { step: 'restart', by: 'ann', reason: 'by hand' });
    await running.see(({ question }) => question === undefined, 'the end of the question');
    await running.update('abort', { by: 'ann', reason: 'seen enough' });
    assert.equal((await soon(running.report())).outcome, 'aborted');
    assert.deepEqual([played.times('endServer'), played.times('startOnce')], [1, 0]);
  });

  it('does not end a Redis whose restart is left out', async () => {
    const actions: PlannedAction[] = [
      { action: 'set-aside', text: 'copy' },
      { action: 'rebuild-manifest', text: 'make the manifest' },
      { action: 'restart', text: 'restart it' },
    ];
    const first = gate(assessment({ failure: 'aof-manifest-lost', actions }));
    const running = await start({ assessFailure: first.step });
    await until(first.begun, { what: 'the look' });
    await running.update('skipStep', { step: 'restart', by: 'ann', reason: 'it serves' });
    first.open();
    await soon(running.report());
    assert.equal(played.times('startOnce'), 0);
    assert.equal(played.times('rebuildManifest'), 0);
  });

  it('watches nothing when it is aborted while the lock is given back', async () => {
    const attach = gate(undefined);
    const running = await start({ attachArchiver: attach.step, watchWarmup: forever });
    await until(attach.begun, { what: 'the release' });
    await running.update('abort', { by: 'ann', reason: 'enough' });
    attach.open();
    assert.equal((await soon(running.report())).outcome, 'aborted');
  });

  it('sees a Redis serve although nobody answers on its machine', async () => {
    const running = await start({
      openPlacement: () => ({ queue: 'host/gone', isOwn: false }),
      assessFailure: () => ({ ...healthy(), settings: { ...healthy().settings, askForMs: 3000 } }),
    });
    assert.equal((await soon(running.report())).outcome, 'serving');
  });

  it('goes on when the applications cannot be watched', async () => {
    const report = (await played.run({ watchConnectivity: fails('CONFIG_INVALID', 'no such secret') })) as RecoveryReport;
    assert.equal(report.outcome, 'serving');
  });

  it('takes no snapshot while it is held', async () => {
    const seen = gate([]);
    const running = await start({ watchConnectivity: seen.step });
    await until(seen.begun, { what: 'the applications' });
    await running.update('hold', { by: 'ann', reason: 'the disk is nearly full' });
    seen.open();
    await running.see(({ steps }) => steps.find(({ step }) => step === 'connectivity')?.state === 'done', 'the applications');
    await notWithin(500);
    assert.equal(played.times('storeSnapshot'), 0);
    await running.update('resume', { by: 'ann', reason: 'go' });
    assert.equal((await soon(running.report())).snapshot, '20260101T000000Z');
  });

  for (const [end, last] of [
    ['ends', () => ({ verdict: 'not-warm', targetFrom: 'none', seconds: 1, text: 'not warm: 10 %' })],
    ['fails', fails('CONFIG_INVALID', 'no such secret')],
  ] as const) {
    it(`watches longer when it is told so in the moment in which a watch ${end}`, async () => {
      const [watch, task] = [gate(undefined), gate(undefined)];
      const limits: number[] = [];
      const running = await start({
        watchWarmup: async ({ settings }: { settings: { limitMs: number } }) => {
          limits.push(settings.limitMs);
          if (limits.length > 1) return { verdict: 'warm', targetFrom: 'none', seconds: 2, text: 'warm: 90 %' };
          await watch.step();
          return last();
        },
      });
      await until(watch.begun, { what: 'the watch' });
      beforeTask = task.step;
      const held = running.update('hold', { by: 'ann', reason: 'a task that is held up: the next one has both' });
      await until(task.begun, { what: 'the task' });
      const extended = running.update('extendMonitoring', { minutes: 30, by: 'ann', reason: 'longer' });
      await running.handle.describe(); // the server has the update by now
      watch.open();
      const isPending = async () =>
        (await running.handle.describe()).raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'watchWarmup');
      await until(async () => !(await isPending()), { what: 'its end' });
      beforeTask = async () => undefined;
      task.open();
      await held;
      assert.equal(await extended, 'watched 30 minutes longer than configured');
      const report = await soon(running.report());
      assert.deepEqual(limits, [60_000, 60_000 + 30 * 60_000]);
      assert.equal(report.warmup?.verdict, 'warm');
      await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, await running.handle.fetchHistory());
    });
  }

  it('says that keys may be back when it is told to leave out a restore that runs', async () => {
    const running = await start({ decideData: () => lost({ decision: 'restore' }), mergeClasses: forever });
    await until(() => played.times('mergeClasses') > 0, { what: 'the restore' });
    await running.update('skipStep', { step: 'restore', by: 'ann', reason: 'too slow' });
    assert.match((await soon(running.report())).toDo.join(), /skipped after it had begun/);
  });

  it('says once what every round finds to be done', async () => {
    const actions: PlannedAction[] = [
      { action: 'detach-replicas', text: 'detach' },
      { action: 'restart', text: 'start it' },
    ];
    const starts = [refusing, serves];
    const report = (await played.run({
      assessFailure: () => assessment({ actions }),
      detachReplicas: () => ({ detached: [{ address: '10.0.0.7:6379', keys: 5 }], failed: [] }),
      awaitServingAgain: () => starts.shift()?.(),
    })) as RecoveryReport;
    assert.equal(played.times('detachReplicas'), 2);
    assert.equal(report.toDo.length, 1);
  });

  it('asks one question once for all that it allows', async () => {
    const ask = { question: 'May it be restarted?', otherwise: 'skip' } as const;
    const actions: PlannedAction[] = [
      { action: 'rebuild-manifest', text: 'make the manifest', ask },
      { action: 'restart', text: 'restart it', ask },
    ];
    const running = await start({
      assessFailure: () => assessment({ failure: 'aof-manifest-lost', actions }),
      rebuildManifest: () => ({ files: [] }),
    });
    const { plan } = await running.question();
    await running.update('approve', { by: 'ann', plan });
    const report = await soon(running.report());
    assert.equal(report.decisions.length, 1);
    assert.equal(played.times('startOnce'), 1);
  });

  it('asks before kill -9, also where a restart was approved', async () => {
    const ask = { question: 'May it be restarted?', otherwise: 'skip' } as const;
    const given: { approved?: boolean; kill?: boolean }[] = [];
    const running = await start({
      assessFailure: () => assessment({ failure: 'silent', actions: [{ action: 'restart', text: 'restart it', ask }] }),
      decideRestart: (input: { approved?: boolean; kill?: boolean }) => {
        given.push({ approved: input.approved === true, kill: input.kill === true });
        return toEnd();
      },
      endServer: ({ kill }: { kill?: boolean }) =>
        kill ? { running: false, layout: {} } : fails('STOP_FAILED', 'process 7 does not end')(),
      awaitServingAgain: serves,
    });
    const { plan } = await running.question();
    await running.update('approve', { by: 'ann', plan });
    await running.see(({ question }) => question?.text.includes('kill -9') === true, 'the second question');
    await assert.rejects(running.update('approve', { by: 'bob', plan }), 'a yes to the restart is no yes to that');
    await running.update('approve', { by: 'ann', plan: (await running.question()).plan });
    assert.equal((await soon(running.report())).outcome, 'serving');
    assert.deepEqual(given, [
      { approved: true, kill: false },
      { approved: true, kill: true },
    ]);
  });
});
