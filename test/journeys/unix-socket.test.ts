import assert from 'node:assert/strict';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const RECOVERY = { warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '3s' }, restartEvery: '1s' };

const checked = async (house: House) => {
  const { stdout, stderr } = await house.command('check', 'main');
  return `${stdout}${stderr}`;
};

describe('A Redis that listens on a Unix socket alone, which its url names', function () {
  this.timeout(300_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { socket: 'only', config: { appendonly: 'yes', appendfsync: 'always' } },
      instance: {
        archive: { segmentAge: '1s', restartDelay: '1s' },
        watch: { every: '1s', after: '3s' },
        recovery: RECOVERY,
      },
    });
  });
  after(() => house?.close());

  it('is backed up and followed, and right for check', async () => {
    await house.ask('SET', 'session:1', 'one');
    const backup = await house.command('backup', 'main');
    assert.equal(backup.code, 0, backup.stderr);
    assert.equal((await house.command('archive')).code, 0);
    const status = async () => (await house.command('archive', '--status')).stdout;
    await until(async () => /stored up to/.test(await status()), { what: 'it follows' });
    const found = await checked(house);
    assert.match(found, /ok +main redis: unix:\/\S+\/redis\.sock answers/);
    assert.match(found, /ok +main platform: .* runs as process \d+/);
    assert.match(found, /ok +main next start: /);
    assert.match(found, /ok +main archiver: /);
  });

  it('is restored by replace', async () => {
    await house.ask('DEL', 'session:1');
    const { code, stderr } = await house.command('restore', 'main', '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await house.ask('GET', 'session:1'), 'one');
  });

  it('is restored live: it comes to the worker over the loopback, though it listens on no port', async () => {
    await house.ask('DEL', 'session:1');
    const { code, stderr } = await house.command('restore', 'main', '--strategy', 'live', '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await house.ask('GET', 'session:1'), 'one');
  });

  it('is watched, told of as down, and recovered', async () => {
    await house.ask('SET', 'session:2', 'two');
    assert.equal((await house.command('watch')).code, 0);
    const watch = async () => (await house.command('watch', '--status')).stdout;
    await until(async () => /serves/i.test(await watch()), { what: 'it is looked at' });
    const [, pid] = /process_id:(\d+)/.exec(String(await house.ask('INFO', 'server'))) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    const dry = await house.command('recover', 'main', '--dry-run');
    assert.match(dry.stdout, /Redis is not running/);
    assert.doesNotMatch(dry.stdout, /while it was starting/, 'it had served: its log says so, of the socket');
    await until(async () => /platform: fails, there is no process/.test(await watch()), { what: 'the watcher sees it' });
    const report = (await house.client.workflow.execute('recoverRedis', {
      workflowId: 'recover/main',
      taskQueue: 'redis-ops',
      args: [{ instance: 'main' }],
    })) as RecoveryReport;
    assert.deepEqual([report.outcome, report.failure], ['serving', 'dead'], report.summary);
    assert.equal(await house.ask('GET', 'session:2'), 'two');
  });
});

describe('A Redis that listens on a Unix socket and a port, of which its url names the socket', function () {
  this.timeout(180_000);
  it('is backed up, checked and restored', async () => {
    const house = await House.open({ redis: { socket: 'besides' } });
    try {
      await house.ask('SET', 'session:1', 'one');
      await house.backup();
      await house.ask('DEL', 'session:1');
      const found = await checked(house);
      assert.match(found, /ok +main platform: .* runs as process \d+/);
      await house.restore();
      assert.equal(await house.ask('GET', 'session:1'), 'one');
    } finally {
      await house.close();
    }
  });
});
