import assert from 'node:assert/strict';
import { openRedis } from '../../redis/client/client.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

describe('The continuous log of a Redis whose redis.conf hides FLUSHALL', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { config: { 'rename-command': 'FLUSHALL hidden-flush' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await house.ask('SET', 'kept', 'value');
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
  });
  after(() => house?.close());

  it('knows it by what it does, and is replayed up to it and over it, though nobody mapped its name', async () => {
    await house.ask('SET', 'second', 'value');
    await house.ask('hidden-flush');
    await house.ask('SET', 'third', 'value');
    const found = async () => (await house.command('find-destructive')).stdout;
    await until(async () => /\bFLUSHALL\b/.test(await found()), { what: 'it is in the log', seconds: 90 });
    const { stdout: plan } = await house.command('restore', 'main', '--until', 'latest', '--plan');
    assert.match(plan, /FLUSHALL at 20/);
    assert.doesNotMatch(`${plan}${await found()}`, /hidden-flush/i, 'its name is a secret');
    const cloned = await house.command('clone', 'main', '--at', 'latest', '--no-password', '--json');
    assert.equal(cloned.code, 0, cloned.stderr);
    const { directory, port } = JSON.parse(cloned.stdout.trim().split('\n').at(-1) ?? '') as { directory: string; port: number };
    try {
      using client = await openRedis({ host: '127.0.0.1', port });
      assert.deepEqual(await client.command('DBSIZE'), 1, 'it was emptied, and has what came behind');
    } finally {
      await house.command('clone', '--stop', directory);
    }
    const [, undo = ''] = /undone by: `?(redis-backup restore [^`\n]+)/.exec(plan) ?? [];
    const { code, stderr } = await house.command(...undo.split(' ').slice(1), '--yes');
    assert.equal(code, 0, `${undo}: ${stderr}`);
    assert.equal(await house.ask('EXISTS', 'kept', 'second'), 2);
  });
});

const NO_SAVE = ['SHUTDOWN ""', 'SAVE ""', 'CONFIG ""', 'BGSAVE ""'];

describe('A Redis that nothing lets save and end: each command for that is disabled, and it has no append-only log', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({ redis: { config: { 'rename-command': NO_SAVE } } });
  });
  after(() => house?.close());

  it('is restored by a signal alone, and check and the plan say beforehand what would not come back with the old data', async () => {
    await house.ask('SET', 'kept', 'value');
    await house.backup();
    await house.ask('SET', 'later', 'value');
    const { stdout: plan } = await house.command('restore', 'main', '--plan');
    assert.match(
      plan,
      /it cannot be told to save when it is stopped: SHUTDOWN, SAVE, CONFIG and BGSAVE are disabled there or have other names.*save points.*put back, 2 changes since its last save at .* missing/,
    );
    const { stdout: checked } = await house.command('check', 'main');
    assert.match(checked, /refusals: restores: it cannot be told to save when it is stopped: .*2 changes since its last save/);
    const { code, stderr } = await house.command('restore', 'main', '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await house.ask('EXISTS', 'kept', 'later'), 1);
  });
});
