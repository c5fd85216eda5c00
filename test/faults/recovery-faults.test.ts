import assert from 'node:assert/strict';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { filesIn, isKept, KEYS, quickRecovery, SESSIONS, Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

const WITH_LOG = { appendonly: 'yes' };
const KILLED = [
  'observeFromControl',
  'observeFiles',
  'assessFailure',
  'decideRestart',
  'noteRestart',
  'startOnce',
  'awaitServingAgain',
  'watchConnectivity',
].concat(['decideData', 'storeSnapshot', 'publishSnapshot', 'watchWarmup']);
const FAILURES = { zeros: (redis: Troubled) => redis.endLogInZeros(), cut: (redis: Troubled) => redis.cutLog() };
const MENDED = ['endUnsaved', 'mendLog', 'startOnce'];
const DAMAGED = ['endUnsaved', 'setAside', 'permitEmptyStart', 'startEmpty', 'awaitServingAgain', 'planMerge'].concat([
  'mergeClasses',
  'removeThrowaway',
]);

describe('A recovery that is disturbed', function () {
  this.timeout(180_000);
  let redis: Troubled;
  const took: string[] = [];
  before(async () => {
    redis = await Troubled.open({ instance: { recovery: quickRecovery({ askFor: '60s' }) } });
  });
  after(async () => {
    await redis?.close();
    for (const line of took) console.log(`      ${line}`);
  });

  /** What must be alike however often a step was begun. */
  const told = ({ outcome, failure, actionsDone, decisions, toDo, restored, data, serving }: RecoveryReport) => ({
    outcome,
    failure,
    actionsDone,
    toDo,
    answers: decisions.map(({ answer }) => answer),
    restored: restored?.map(({ name, restored: keys, kept }) => [name, keys + kept]), // a retry finds what it brought back before
    verdict: data?.verdict,
    keys: serving?.keys,
  });

  const paths = [
    {
      path: 'of a Redis that was killed',
      steps: KILLED,
      fail: () => redis.kill(),
      people: async () => undefined,
      keys: KEYS,
    },
    {
      path: 'of a Redis whose log is damaged',
      steps: DAMAGED,
      fail: () => redis.cutLog(),
      people: () => redis.answer(/session/),
      keys: SESSIONS,
    },
    {
      path: 'of a Redis whose log ends in zeros',
      steps: MENDED,
      fail: () => redis.endLogInZeros(),
      people: async () => undefined,
      keys: KEYS,
    },
  ];
  for (const { path, steps, fail, people, keys } of paths)
    describe(path, () => {
      let undisturbed: RecoveryReport;
      before(async () => {
        await redis.stand({ config: WITH_LOG });
        await fail();
        undisturbed = await redis.recover({}, people);
      });

      for (const fate of [`before:${steps.find((step) => step.startsWith('start'))}`, ...steps.map((step) => `after:${step}`)])
        it(`ends the same when the worker dies ${fate.replace(':', ' ')}`, async () => {
          await redis.stand({ config: WITH_LOG });
          await fail();
          const { met } = await redis.house.startDoomedWorker(fate);
          const report = await redis.recover({}, people);
          await met;
          assert.deepEqual(told(report), told(undisturbed));
          assert.equal(await redis.ask('DBSIZE'), keys);
          const later = (report.serving?.secondsFromStart ?? 0) - (undisturbed.serving?.secondsFromStart ?? 0);
          took.push(`${fate} ${path}: serves ${later.toFixed(1)} s later`);
        });
    });

  /** Nothing is half done: Redis serves, or everything lies as it was. */
  const assertWhole = async (files: ReadonlyMap<string, string>) => {
    await until(async () => !(await redis.house.isLocked()), { what: 'the lock is free', seconds: 90 });
    if ((await redis.says('PING')) !== 'PONG') return assert.deepEqual(filesIn(redis.dir), files);
    assert.equal(await redis.says('SET', 'written', 'now', 'EX', '1'), 'OK');
    assert.ok(Number(await redis.ask('DBSIZE')) >= KEYS || isKept(files, `${redis.dir}/.redis-backup`), 'nothing is lost');
  };
  const begun = async (step: string, before: number) =>
    until(() => redis.house.steps.slice(before).includes(step), { what: `it is at ${step}`, seconds: 40 });
  const held = [
    'observeFromControl',
    'assessFailure',
    'awaitServingAgain',
    'decideData',
    'storeSnapshot',
    'mergeClasses',
    'watchWarmup',
  ];
  const meet = async (step: string) => {
    await redis.stand({ config: WITH_LOG });
    if (step === 'startOnce') await redis.kill();
    const files = step === 'startOnce' ? filesIn(redis.dir) : await redis.cutLog();
    await redis.house.killWorker();
    await redis.house.startWorker(held.includes(step) ? `hold:${step}` : undefined);
    const before = redis.house.steps.length;
    const running = await redis.start();
    if (['mergeClasses', 'storeSnapshot', 'watchWarmup'].includes(step)) await redis.answer(/session/);
    await begun(step, before);
    return { running, files };
  };

  for (const step of ['startOnce', 'setAside', 'startEmpty', ...held])
    it(`leaves nothing half done when it is cancelled at ${step}`, async () => {
      const { running, files } = await meet(step);
      await running.cancel();
      await running.result().catch(() => undefined); // how it ends is not the question
      await assertWhole(files);
    });

  for (const step of ['startOnce', 'setAside', 'startEmpty', 'mendLog'])
    it(`is cut off in the middle of ${step}, which hangs, and leaves nothing half done`, async () => {
      await redis.stand({ config: WITH_LOG });
      if (step === 'startOnce') await redis.kill();
      const files = step === 'startOnce' ? filesIn(redis.dir) : await FAILURES[step === 'mendLog' ? 'zeros' : 'cut'](redis);
      await redis.house.killWorker();
      await redis.house.startWorker(`hold:${step}`);
      const before = redis.house.steps.length;
      const running = await redis.start();
      await begun(step, before);
      await running.cancel();
      await assert.rejects(running.result());
      await assertWhole(files);
    });

  for (const [how, step] of [
    ['terminated', 'setAside'],
    ['terminated', 'awaitServingAgain'],
    ['reset', 'decideData'],
  ] as const)
    it(`leaves nothing half done when it is ${how} at ${step}`, async () => {
      const { running, files } = await meet(step);
      if (how === 'terminated') await running.terminate('test');
      else await redis.house.reset('recover/main');
      if (how === 'reset') {
        await redis.house.killWorker(); // its hold
        await redis.house.startWorker();
        const again = redis.house.client.workflow.getHandle('recover/main');
        const isOver = async () => (await again.describe()).status.name !== 'RUNNING';
        await until(async () => (await isOver()) || (await redis.status().catch(() => undefined))?.question !== undefined, {
          what: 'it ends, or asks',
          seconds: 60,
        });
        if (!(await isOver())) await again.cancel();
      }
      await assertWhole(files);
    });

  it('joins the one that runs when it is started again under the same id', async () => {
    const { running } = await meet('setAside');
    const args = [{ instance: 'main' }];
    const options = {
      workflowId: 'recover/main',
      taskQueue: 'redis-ops',
      args,
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
    };
    const second = await redis.house.client.workflow.start('recoverRedis', options);
    assert.equal(second.firstExecutionRunId, (await running.describe()).runId);
    await redis.answer(/session/);
    assert.deepEqual(await second.result(), await running.result());
  });

  it('ends a backup that holds the lock', async () => {
    await redis.stand({ config: WITH_LOG });
    await redis.house.killWorker();
    await redis.house.startWorker('hold:storeSnapshot');
    const before = redis.house.steps.length;
    const args = [{ instance: 'main' }];
    const options = { workflowId: 'backup/main', taskQueue: 'redis-ops', args };
    const backup = await redis.house.client.workflow.start('backupSnapshot', options);
    await begun('storeSnapshot', before);
    await redis.kill();
    const report = await redis.recover();
    assert.equal(report.outcome, 'serving');
    assert.ok((report.serving?.secondsFromStart ?? 99) < 10, `${report.serving?.secondsFromStart} s`);
    await backup.result().catch(() => undefined);
    assert.notEqual((await backup.describe()).status.name, 'RUNNING');
  });

  it('ends a merge that holds the lock', async () => {
    await redis.stand({ config: WITH_LOG });
    await redis.house.killWorker();
    await redis.house.startWorker('hold:mergeClasses');
    const before = redis.house.steps.length;
    const args = [{ instance: 'main', classes: ['sessions'], backupId: 'latest' }];
    const options = { workflowId: 'restore/main', taskQueue: 'redis-ops', args };
    const merge = await redis.house.client.workflow.start('mergeFromBackup', options);
    await begun('mergeClasses', before);
    await redis.kill();
    const report = await redis.recover();
    assert.equal(report.outcome, 'serving');
    await merge.result().catch(() => undefined);
    assert.equal((await merge.describe()).status.name, 'CANCELLED');
  });

  it('names a restore that holds the lock, and what it does, and ends it when a person says so', async () => {
    await redis.stand({ config: WITH_LOG });
    await redis.house.killWorker();
    await redis.house.startWorker('hold:awaitServing');
    const before = redis.house.steps.length;
    const restore = await redis.house.startRestore();
    await begun('awaitServing', before);
    const running = await redis.start();
    const asked = async () => (await running.query<RunbookStatus>('status').catch(() => undefined))?.question;
    await until(async () => (await asked()) !== undefined, { what: 'it asks what is to become of the restore' });
    const { text = '', plan } = (await asked()) ?? {};
    assert.match(text, /^restore\/main holds main, and is at this: awaitServing, for .+\. Cancel it\? It puts back/);
    assert.ok(!redis.house.steps.slice(before).includes('startOnce'));
    await running.executeUpdate('approve', { args: [{ by: 'ann', plan }] });
    await restore.result().catch(() => undefined);
    assert.equal((await restore.describe()).status.name, 'CANCELLED');
    const report = (await running.result()) as RecoveryReport;
    assert.equal(report.outcome, 'serving');
    assert.equal(report.serving?.keys, KEYS);
  });
});
