import assert from 'node:assert/strict';
import { failureOf } from '../support/failure-of.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const KEYS = 2_000;

/** A house with a backup of KEYS keys, and another data set in Redis now: what a failed restore must leave. */
async function houseWithBackup(): Promise<House> {
  const house = await House.open({ redis: { config: { appendonly: 'yes' } } });
  await house.ask('DEBUG', 'POPULATE', String(KEYS), 'cache', '50');
  await house.backup();
  return house;
}

async function standOldData(house: House): Promise<void> {
  await house.ask('FLUSHALL');
  await house.ask('SET', 'old', 'data');
}

async function assertOldDataServed(house: House): Promise<void> {
  await until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 90 });
  assert.equal(await house.ask('GET', 'old'), 'data');
  assert.equal(await house.ask('DBSIZE'), 1);
  await house.ask('SET', 'writable', 'again', 'EX', '1');
}

describe('A restore that is disturbed', function () {
  this.timeout(300_000);
  let house: House;
  before(async () => {
    house = await houseWithBackup();
  });
  after(() => house?.close());

  const doneAndUnsaid = [
    'stageBackup',
    'storeSnapshot',
    'stopServer',
    'replaceData',
    'startServer',
    'awaitServing',
    'verifyCounts',
    'finishRestore',
  ];
  const begunOnly = ['stopServer', 'replaceData', 'startServer'];
  for (const fate of [...doneAndUnsaid.map((step) => `after:${step}`), ...begunOnly.map((step) => `before:${step}`)]) {
    it(`ends right when the worker dies ${fate.replace(':', ' ')} and another one comes`, async () => {
      await standOldData(house);
      const { met } = await house.startDoomedWorker(fate);
      const report = await house.restore();
      await met;
      assert.equal(report.keysFound, KEYS);
      assert.equal(await house.ask('DBSIZE'), KEYS);
      assert.equal(await house.isLocked(), false);
    });
  }

  const meet = async (step: string): Promise<void> => {
    await standOldData(house);
    await house.killWorker();
    await house.startWorker(`hold:${step}`);
  };
  const atStep = (step: string, before: number) =>
    until(() => house.steps.filter((name) => name === step).length > before, { what: `the restore at ${step}` });
  const countOf = (step: string) => house.steps.filter((name) => name === step).length;

  const disturbances: [string, string, (id: string) => Promise<unknown>][] = [
    ['cancelled while Redis loads', 'awaitServing', (id) => house.client.workflow.getHandle(id).cancel()],
    ['terminated while Redis is stopped', 'startServer', (id) => house.client.workflow.getHandle(id).terminate('test')],
    ['terminated after the old data was moved', 'verifyCounts', (id) => house.client.workflow.getHandle(id).terminate('test')],
    ['reset in the Web UI', 'verifyCounts', (id) => house.reset(id)],
  ];
  for (const [how, step, disturb] of disturbances) {
    it(`puts everything back when it is ${how}`, async () => {
      await meet(step);
      const before = countOf(step);
      const handle = await house.startRestore();
      await atStep(step, before);
      await disturb(handle.workflowId);
      await handle.result().catch(() => undefined); // how it ends is not the question
      await assertOldDataServed(house);
    });
  }

  it('puts everything back when it runs out of its time', async () => {
    await meet('verifyCounts');
    const args = [{ instance: 'main', backupId: 'latest', strategy: 'replace' }];
    const options = { workflowId: 'restore/main', taskQueue: 'redis-ops', args, workflowExecutionTimeout: '12 seconds' };
    await assert.rejects(house.client.workflow.execute('restoreFromRdb', options));
    await assertOldDataServed(house);
  });

  it('goes on when the Temporal server dies and comes back', async () => {
    await house.killWorker();
    await house.startWorker();
    await standOldData(house);
    const before = countOf('stopServer');
    const handle = await house.startRestore();
    await atStep('stopServer', before);
    await house.temporal.kill();
    await house.temporal.start();
    const report = (await handle.result()) as { keysFound: number };
    assert.equal(report.keysFound, KEYS);
  });

  it('is refused while another one runs, and joins no backup', async () => {
    await meet('awaitServing');
    const before = countOf('awaitServing');
    const handle = await house.startRestore();
    await atStep('awaitServing', before);
    await assert.rejects(house.startRestore(), /already started/i);
    const args = [{ instance: 'main', backupId: 'latest', strategy: 'replace' }];
    const second = house.client.workflow.execute('restoreFromRdb', { workflowId: 'restore/other', taskQueue: 'redis-ops', args });
    const seen = await failureOf(second);
    assert.equal(seen.code, 'LOCKED');
    const skipped = await house.client.workflow.execute('backupSnapshot', {
      workflowId: 'backup/main',
      taskQueue: 'redis-ops',
      args: [{ instance: 'main', lockWaitSeconds: 1 }],
    });
    assert.deepEqual(skipped, { outcome: 'skipped', instance: 'main', skippedBecause: 'restore/main is running (lock held)' });
    await handle.cancel();
    await handle.result().catch(() => undefined);
    await assertOldDataServed(house);
  });
});
