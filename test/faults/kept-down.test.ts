import assert from 'node:assert/strict';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRedis } from '../../redis/client/client.ts';
import { findBinary } from '../support/binaries.ts';
import { failureOf } from '../support/failure-of.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const KEYS = 500;

/** Redis is started by a script that fails while the file beside it says so, and counts how often. */
function scriptedStart(house: House) {
  const script = join(house.dir, 'start-redis');
  const [failures, count] = [join(house.dir, 'fails'), join(house.dir, 'starts')];
  const lines = [
    '#!/bin/sh',
    `echo start >> ${count}`,
    `left=$(cat ${failures} 2>/dev/null || echo 0)`,
    `if [ "$left" -gt 0 ]; then echo $((left - 1)) > ${failures}; echo "cannot start: the licence has expired"; exit 1; fi`,
    `exec ${findBinary('redis-server')} ${house.redis.configFile}`,
  ];
  writeFileSync(script, lines.join('\n'));
  chmodSync(script, 0o755);
  return {
    script,
    failNext: (times: number) => writeFileSync(failures, `${times}\n`),
    forget: () => rmSync(failures, { force: true }),
  };
}

describe('A Redis that a restore has stopped', function () {
  this.timeout(180_000);
  let house: House;
  let start: ReturnType<typeof scriptedStart>;
  before(async () => {
    house = await House.open({ redis: { config: { appendonly: 'yes' } } });
    await house.ask('DEBUG', 'POPULATE', String(KEYS), 'cache', '50');
    await house.backup();
    start = scriptedStart(house);
    await house.reconfigure(({ instances }) => {
      const platform = instances.main?.platform as Record<string, unknown>;
      platform.start = { command: [start.script] };
      platform.noProgress = '5s';
    });
  });
  after(() => house?.close());

  const standOldData = async () => {
    await house.ask('FLUSHALL');
    await house.ask('SET', 'old', 'data');
  };
  const assertOldDataServed = async () => {
    await until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 90 });
    const ended = async () => (await house.client.workflow.getHandle('restore/main').describe()).status.name !== 'RUNNING';
    await until(ended, { what: 'the restore has ended, too', seconds: 60 });
    assert.equal(await house.ask('GET', 'old'), 'data');
    assert.equal(await house.ask('DBSIZE'), 1);
  };

  it('is started once more when a start fails, and the restore goes on', async () => {
    await standOldData();
    start.failNext(1);
    assert.equal((await house.restore()).keysFound, KEYS);
  });

  it('serves its old data again when it ends twice in the same way, and the restore says why', async () => {
    await standOldData();
    start.failNext(2);
    const handle = await house.startRestore();
    const failed = await failureOf(handle.result());
    assert.equal(failed.code, 'START_FAILED');
    assert.match(failed.message, /the licence has expired/);
    await assertOldDataServed();
  });

  it('is named to everybody who waits when it cannot be started at all, and started within seconds of the cure', async () => {
    await standOldData();
    start.failNext(1_000);
    const restore = await house.command('restore', 'main', '--yes');
    assert.equal(restore.code, 63, restore.stderr);
    assert.match(restore.stderr, /restore\/main could not start main and wait until it serves: .*the licence has expired/);
    const backup = await house.command('backup', 'main');
    assert.equal(backup.code, 63, backup.stderr);
    assert.match(backup.stderr, /the licence has expired.*; backup\/main waits for it/);
    start.forget();
    await assertOldDataServed();
  });

  it('serves its old data again when the new one hangs, which is ended by force', async () => {
    await standOldData();
    await house.killWorker();
    const doomed = await house.startWorker('after:startServer');
    const died = new Promise((resolve) => doomed.once('exit', resolve));
    const handle = await house.startRestore();
    await died;
    const hangs = Number(/process_id:(\d+)/.exec(String(await house.ask('INFO', 'server')))?.[1]);
    process.kill(hangs, 'SIGSTOP');
    await house.startWorker();
    const failed = await failureOf(handle.result());
    assert.equal(failed.code, 'START_FAILED');
    assert.match(failed.message, /has not come nearer to serving for 5 s/);
    await assertOldDataServed();
  });

  it('is back with its old data and does not let us in: the command ends with a code of its own, and says what to mend', async () => {
    await standOldData();
    await house.killWorker();
    const doomed = await house.startWorker('after:startServer');
    const died = new Promise((resolve) => doomed.once('exit', resolve));
    const restoring = house.command('restore', 'main', '--yes');
    await died;
    const { configFile } = house.redis;
    const conf = readFileSync(configFile, 'utf8');
    writeFileSync(configFile, `${conf}\nrequirepass another\n`);
    await house.startWorker();
    await house.client.workflow.getHandle('restore/main').cancel();
    const { code, stderr } = await restoring;
    assert.equal(code, 66, stderr);
    assert.match(stderr, /the old data of main is back and it runs with it, but does not let redis-backup in: .*NOAUTH/);
    assert.match(stderr, /next: .*password/);
    await until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 90 });
    writeFileSync(configFile, conf);
    using client = await openRedis({ ...house.redis.connection, password: 'another' });
    assert.equal(await client.command('GET', 'old'), 'data');
    await client.command('CONFIG', 'SET', 'requirepass', '');
  });

  it('serves its old data again, whichever step of a restore hangs and does not hear that it is cancelled', async function () {
    this.timeout(300_000);
    const FIRST = ['surveyTarget', 'planRestore', 'stageBackup', 'storeSnapshot', 'stopServer', 'replaceData', 'startServer'];
    const steps = [...FIRST, 'awaitServing', 'verifyCounts', 'finishRestore'];
    await eachHangsOnce(steps);
    for (const step of steps) {
      await standOldData();
      await cancelAt(step);
      await assertOldDataServed();
    }
  });

  it('serves as a primary that takes writes, whichever step of a live restore does', async function () {
    this.timeout(300_000);
    const steps = ['surveyLive', 'stageLive', 'readLiveSettings', 'loadLive', 'verifyLive', 'awaitOwnPersistence'];
    await eachHangsOnce(steps);
    for (const step of steps) {
      await standOldData();
      await cancelAt(step, { strategy: 'live' });
      await until(async () => !(await house.isLocked()), { what: `the lock is free after ${step}`, seconds: 90 });
      assert.match(String(await house.ask('INFO', 'replication')), /role:master/, step);
      assert.equal(await house.ask('SET', 'written', 'now'), 'OK', step);
      const isPromoted = ['verifyLive', 'awaitOwnPersistence'].includes(step);
      assert.equal(await house.ask('GET', 'old'), isPromoted ? null : 'data', step);
    }
  });

  /**
   * The first time: each restore gets a step further than the one before. loadLive, which decides by itself what stands there,
   * hears it.
   */
  async function eachHangsOnce(steps: readonly string[]): Promise<void> {
    await house.killWorker();
    await house.startWorker(steps.map((step) => `${step === 'loadLive' ? 'hold' : 'deaf'}:${step}`).join(','));
  }

  async function cancelAt(step: string, input: Parameters<House['startRestore']>[0] = {}): Promise<void> {
    const before = house.steps.filter((name) => name === step).length;
    const handle = await house.startRestore(input);
    await until(() => house.steps.filter((name) => name === step).length > before, { what: `the restore at ${step}` });
    await handle.cancel();
    await assert.rejects(handle.result());
  }
});
