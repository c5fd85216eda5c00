import assert from 'node:assert/strict';
import { join } from 'node:path';
import { House } from '../support/house.ts';

const populate = (house: House, keys: number) => house.ask('DEBUG', 'POPULATE', String(keys), 'key', '10');

describe('One repository prefix for two environments', function () {
  this.timeout(180_000);
  let production: House;
  let staging: House;
  before(async () => {
    production = await House.open();
    await populate(production, 300);
    await production.command('backup', 'main');
    staging = await House.open({
      beside: production,
      deployment: 'staging',
      store: { kind: 'file', directory: join(production.dir, 'backups') },
      instance: { retention: { keepLast: 1, keepWithin: '1m' }, archive: {} },
    });
    await populate(staging, 20);
  });
  after(async () => {
    await staging?.close();
    await production?.close();
  });

  const objects = async () => {
    const keys: string[] = [];
    for await (const { key } of production.repository.store.list('main/')) keys.push(key);
    return keys;
  };
  const ids = async () =>
    (await production.repository.snapshots({ instance: 'main', shard: '0' }).list()).map(({ backupId }) => backupId);

  it('belongs to the Redis that stored first: another stores nothing and deletes nothing, and both are named', async () => {
    const before = [await ids(), await objects()];
    await staging.ask('SAVE');
    const dump = join(staging.redis.dir, 'dump.rdb');
    for (const command of [
      'backup main',
      'backup main --aof',
      'retention main',
      'retention main --apply',
      `import ${dump} main`,
    ]) {
      const { code, stderr } = await staging.command(...command.split(' '));
      assert.equal(code, 37, `${command}: ${stderr}`);
      for (const { redis } of [production, staging]) assert.ok(stderr.includes(`main at 127.0.0.1:${redis.port}`), stderr);
      assert.match(stderr, /^next: Give this one a repository \(prefix\) of its own\. .*redis-backup adopt main --why/m);
    }
    assert.deepEqual([await ids(), await objects()], before);
  });

  it('check, status, list, show and clone say so', async () => {
    const owned = new RegExp(`the backups of main in .* are those of main at 127.0.0.1:${production.redis.port} on here`);
    assert.match((await staging.command('check', 'main')).stdout, owned);
    assert.match((await staging.command('status', 'main')).stdout, /these are the backups of another: main at/);
    const first = new RegExp(`^DATA OF ANOTHER: these are the backups of main at 127.0.0.1:${production.redis.port} on here`);
    const clone = join(staging.dir, 'clone');
    for (const command of ['list', 'show', `clone main --directory ${clone}`]) {
      const { stdout, stderr } = await staging.command(...command.split(' '));
      assert.match(stdout, first, `${command}: ${stderr}`);
    }
    assert.equal((await staging.command('clone', '--stop', clone)).code, 0);
    assert.match(
      (await production.command('show')).stdout,
      new RegExp(`^ {2}of +127.0.0.1:${production.redis.port} on here$`, 'm'),
    );
    assert.match(
      (await production.command('check', 'main')).stdout,
      /^ok {7}main owner: the backups of main are its own, since /m,
    );
  });

  it('is the first line of a plan, which is refused until somebody wants the data of another', async () => {
    const before = await objects();
    const plan = await staging.command('restore', 'main', '--plan');
    assert.equal(plan.code, 37, plan.stderr);
    assert.match(
      plan.stdout,
      new RegExp(`^DATA OF ANOTHER: these are the backups of main at 127.0.0.1:${production.redis.port} on here`),
    );
    assert.match(plan.stdout, /--from-another/);
    const { code, stderr } = await staging.command('restore', 'main', '--from-another', '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await staging.ask('DBSIZE'), 300);
    assert.deepEqual(await objects(), before); // no pin either: whoever is another one writes nothing
  });

  it('stays with a Redis that has moved, which is known by its run id', async () => {
    await production.reconfigure((config) => {
      config.worker.host = 'renamed';
    });
    const { code, stderr } = await production.command('backup', 'main');
    assert.equal(code, 0, stderr);
    const owner = await production.repository.ownership('main').read();
    assert.equal(owner?.host, 'renamed');
    assert.match(owner?.before[0]?.why ?? '', /run id/);
  });

  it('is taken over by a command with a reason, which is kept', async () => {
    assert.equal((await staging.command('adopt', 'main')).code, 2);
    const { code, stdout, stderr } = await staging.command('adopt', 'main', '--why', 'staging goes live');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /belong to main at .*, deployment staging, .* no longer to main at /);
    assert.equal((await staging.repository.ownership('main').read())?.before.at(-1)?.why, 'staging goes live');
    assert.equal((await staging.command('backup', 'main')).code, 0);
    assert.equal((await production.command('backup', 'main')).code, 37);
  });

  describe('and an instance whose url points at the Redis of another one by a slip', () => {
    const fill = (house: House, name: string) =>
      house.ask('EVAL', `for i=1,300 do redis.call('SET', '${name}:'..i, 'of ${name}') end`, '0');
    const asOrders = (house: House) => ({ url: `redis://127.0.0.1:${house.redis.port}`, platform: { type: 'external' } });
    before(async () => {
      await Promise.all([production, staging].map((house) => house.ask('FLUSHALL')));
      await fill(production, 'session');
      await fill(staging, 'order');
      await production.reconfigure((config) => {
        config.instances.orders = asOrders(staging);
      });
      assert.equal((await production.command('backup', 'orders')).code, 0);
      await production.reconfigure((config) => {
        config.instances.orders = asOrders(production); // the slip
      });
    });

    it('touches nothing of it by any strategy, and says whose Redis it is', async () => {
      for (const how of ['--strategy live --yes', '--only other --yes', '--strategy live --plan']) {
        const { code, stdout, stderr } = await production.command('restore', 'orders', ...how.split(' '));
        assert.equal(code, 16, `${how}: ${stdout}${stderr}`);
        assert.match(`${stdout}${stderr}`, /the Redis that answers for orders is that of main, too/, how);
        assert.match(`${stdout}${stderr}`, /300 session….* orders are of others \(300 order…\)/, how);
        assert.match(`${stdout}${stderr}`, /--into-another/, how);
      }
      assert.equal(await production.ask('DBSIZE'), 300);
      assert.equal(await production.ask('EXISTS', 'order:1'), 0);
    });

    it('check refuses both, and adopt takes nothing over', async () => {
      const { code, stdout } = await production.command('check');
      assert.equal(code, 60);
      assert.match(stdout, /^failed {3}main identity: the Redis that answers for main is that of orders, too/m);
      assert.match(stdout, /^failed {3}orders identity: the Redis that answers for orders is that of main, too/m);
      const adopted = await production.command('adopt', 'orders', '--why', 'it has moved');
      assert.equal(adopted.code, 16, adopted.stderr);
      assert.match(adopted.stderr, /the Redis that answers for orders is that of main, too/);
    });

    it('is seen by its keys alone, too, where the other instance is not configured', async () => {
      await production.reconfigure((config) => {
        delete config.instances.main;
      });
      const { code, stderr } = await production.command('restore', 'orders', '--strategy', 'live', '--yes');
      assert.equal(code, 16, stderr);
      assert.match(stderr, /it holds 300 keys \(300 session…\), and the backups of orders are of others/);
    });

    it('does it where that is meant, which stands in the first line of the plan', async () => {
      const meant = ['restore', 'orders', '--strategy', 'live', '--from-another', '--into-another'];
      const plan = await production.command(...meant, '--plan');
      assert.match(plan.stdout, /^INTO ANOTHER REDIS\? it holds 300 keys/);
      const [, carryOut = ''] = /^ {2}redis-backup (restore .*)$/m.exec(plan.stdout) ?? []; // the loss of what is there, too
      const { code, stderr } = await production.command(...carryOut.split(' '));
      assert.equal(code, 0, stderr);
      assert.equal(await production.ask('EXISTS', 'order:1'), 1);
    });
  });
});
