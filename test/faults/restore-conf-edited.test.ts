import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failureOf } from '../support/failure-of.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

describe('A Redis whose redis.conf is edited while a restore runs', function () {
  this.timeout(240_000);
  let house: House;
  before(async () => {
    house = await House.open({ redis: { config: { appendonly: 'yes' } } });
    await house.ask('MSET', ...Array.from({ length: 50 }, (_, i) => [`old:${i}`, 'data']).flat()); // DEBUG POPULATE is not logged
    await house.backup();
  });
  after(() => house?.close());

  const served = async () => {
    const runId = /run_id:(\w+)/.exec(String(await house.ask('INFO', 'server')))?.[1];
    return { runId, keys: await house.ask('DBSIZE') };
  };

  it('is not stopped when its redis.conf was edited since the plan so that it would not come back as it is', async () => {
    const { configFile, dir } = house.redis;
    const conf = readFileSync(configFile, 'utf8');
    const edits: [string, string, RegExp][] = [
      [
        'RESTORE_REFUSED',
        `dir ${join(dir, '..')}`,
        /the configuration of main has changed since the plan: dir .* it was not stopped/,
      ],
      ['CONFIG_UNSTARTABLE', 'bogus yes', /main would not start again: .*bogus/],
    ];
    const before = await served();
    for (const [code, line, says] of edits) {
      await house.killWorker();
      const doomed = await house.startWorker('before:readyToStop');
      const died = new Promise((resolve) => doomed.once('exit', resolve));
      const handle = await house.startRestore();
      await died;
      writeFileSync(configFile, `${conf}\n${line}\n`);
      await house.startWorker();
      const failed = await failureOf(handle.result());
      writeFileSync(configFile, conf);
      assert.equal(failed.code, code, failed.message);
      assert.match(failed.message, says);
      await until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 90 });
      assert.deepEqual(await served(), before, line);
    }
  });

  it('that comes back with less than it had is never said to serve its old data', async () => {
    await house.killWorker();
    const doomed = await house.startWorker('before:startServer');
    const died = new Promise((resolve) => doomed.once('exit', resolve));
    const restoring = house.command('restore', 'main', '--yes');
    await died;
    const { configFile } = house.redis;
    const conf = readFileSync(configFile, 'utf8');
    writeFileSync(configFile, `${conf}\nappenddirname elsewhere\n`);
    await house.startWorker();
    await house.client.workflow.getHandle('restore/main').cancel();
    const { code, stderr } = await restoring;
    writeFileSync(configFile, conf);
    assert.equal(code, 67, stderr);
    assert.match(stderr, /main does not serve what it had: it has 0 keys, and had 50 keys right before it was stopped/);
    assert.match(stderr, /next: Its files are in .* as the restore found them/);
    await until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 90 });
    await house.ask('SHUTDOWN', 'NOSAVE').catch(() => undefined);
    await house.redis.restart();
    assert.equal(await house.ask('DBSIZE'), 50);
  });
});
