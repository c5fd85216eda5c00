import assert from 'node:assert/strict';
import type { RestoreReport } from '../../model/operations.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const KEYS = 200_000;

describe('A live restore that is disturbed', function () {
  this.timeout(300_000);
  let house: House;
  before(async () => {
    house = await House.open({ redis: { config: { appendonly: 'yes', save: '' } } });
    await house.ask('DEBUG', 'POPULATE', `${KEYS}`, 'cache', '100');
  });
  after(() => house?.close());

  const digest = async (): Promise<string> => String(await house.ask('DEBUG', 'DIGEST'));
  const info = async (field: string): Promise<string | undefined> =>
    new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(String(await house.ask('INFO', 'everything')))?.[1];
  const live = async (...args: string[]): Promise<RestoreReport> => {
    const { code, stdout, stderr } = await house.command('restore', '--strategy', 'live', '--yes', '--json', ...args);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RestoreReport;
  };

  for (const fate of ['before:loadLive', 'after:loadLive', 'after:readLiveSettings'] as const) {
    it(`ends right when the worker dies ${fate.replace(':', ' ')} and another one comes`, async () => {
      const before = await digest();
      await house.backup();
      await house.ask('SET', 'later', '1');
      const { met } = await house.startDoomedWorker(fate);
      const report = await live('latest');
      await met;
      assert.equal(report.live?.persisted, 'aof');
      assert.equal(await digest(), before);
      assert.equal(await info('role'), 'master');
    });
  }

  it('answers again within seconds, with its old data, when the worker that feeds it freezes', async () => {
    await house.backup();
    await house.ask('SET', 'cache:1', 'of the old data');
    await house.ask('CONFIG', 'SET', 'key-load-delay', '-4'); // so that the load is met half way
    await house.killWorker();
    const frozen = await house.startWorker();
    const running = house.command('restore', 'latest', '--strategy', 'live', '--yes');
    await until(async () => (await info('async_loading')) === '1', { what: 'it loads' });
    frozen.kill('SIGSTOP');
    await until(async () => (await info('master_link_status')) === 'down' && (await info('async_loading')) === '0', {
      seconds: 30, // of the 60 that Redis itself would wait
      what: 'it has given up on the worker',
    });
    assert.equal(await house.ask('GET', 'cache:1'), 'of the old data');
    await house.ask('CONFIG', 'SET', 'key-load-delay', '0');
    frozen.kill('SIGKILL');
    await house.startWorker(); // takes over: the load begins anew
    const { code, stderr } = await running;
    assert.equal(code, 0, stderr);
    assert.equal(await info('role'), 'master');
    assert.notEqual(await house.ask('GET', 'cache:1'), 'of the old data');
  });

  it('is cancelled in the middle of the load: Redis follows nobody and has its old data', async () => {
    await house.backup();
    await house.ask('SET', 'kept', '1');
    const before = await digest();
    await house.ask('CONFIG', 'SET', 'key-load-delay', '-4'); // so that the load is met half way
    const running = house.command('restore', 'latest', '--strategy', 'live', '--yes');
    await until(async () => (await info('async_loading')) === '1', { what: 'it loads', seconds: 60 });
    await house.client.workflow.getHandle('restore/main').cancel();
    assert.equal((await running).code, 52);
    await until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 60 });
    await house.ask('CONFIG', 'SET', 'key-load-delay', '0');
    assert.equal(await info('role'), 'master');
    assert.equal(await digest(), before);
  });
});
