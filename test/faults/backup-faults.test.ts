import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { House } from '../support/house.ts';
import { assertWhole, listed, objectsOf, oneMore, untilStreaming } from '../support/stored-backups.ts';
import { until } from '../support/until.ts';

const KEYS = 3_000;
const UNCOMPRESSED = KEYS * 800;
const SLOW = ['CONFIG', 'SET', 'rdb-key-save-delay', '3000'] as const; // 9 s for all keys
const FAST = ['CONFIG', 'SET', 'rdb-key-save-delay', '0'] as const;

describe('A backup that is disturbed', function () {
  this.timeout(180_000);
  let house: House;

  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes' } },
      others: () => ({
        second: {},
        third: {},
        fork: { backup: { uncompressedFork: true } },
        saved: { backup: { method: 'bgsave' } },
      }),
    });
    const keys = `for i=1,${KEYS} do redis.call('SET', 'cache:'..i, string.rep(redis.sha1hex(i), 20)) end`;
    await house.ask('EVAL', keys, '0');
  });
  after(() => house?.close());
  afterEach(async () => {
    await house.ask(...FAST);
    await until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 20 });
  });

  const start = (instance = 'main') =>
    house.client.workflow.start('backupSnapshot', {
      workflowId: `backup/${instance}`,
      taskQueue: 'redis-ops',
      args: [{ instance }],
      workflowIdConflictPolicy: 'USE_EXISTING',
    });

  /** Several instances at once, because each death takes a heartbeat time-out to be noticed. */
  const startWhereItStays = async (places: Record<string, string>) => {
    const stays = Object.entries(places).map(([instance, place]) => `${place}@${instance}`);
    await house.killWorker();
    await house.startWorker(stays.map((place) => `stay-${place}`).join());
    const results = Object.keys(places).map((instance) => oneMore(house, async () => (await start(instance)).result(), instance));
    const arrived = () => stays.every((place) => house.steps.includes(`stays ${place}`));
    await until(arrived, { what: 'the backups are where the worker is to die' });
    return { stored: Promise.all(results) };
  };

  it('is stored once when the worker dies in the middle of the stream, or has stored it and did not say so', async () => {
    const { stored } = await startWhereItStays({ second: 'after:storeSnapshot' });
    await house.ask(...SLOW);
    await oneMore(house, async () => {
      const before = await listed(house);
      const running = await start();
      await untilStreaming(house);
      await house.killWorker();
      await house.ask(...FAST);
      await house.startWorker();
      assert.deepEqual(await listed(house), before);
      await running.result();
    });
    await stored;
  });

  it('is stored once when the worker dies between upload and manifest, or has written the manifest and did not say so', async () => {
    const places = { main: 'after:verifySnapshot', second: 'before:publishSnapshot', third: 'after:publishSnapshot' };
    const { stored } = await startWhereItStays(places);
    await house.killWorker();
    await house.startWorker();
    await stored;
  });

  it('is stored when Redis is killed in the middle of the stream and comes back', async () => {
    await house.ask(...SLOW);
    await oneMore(house, async () => {
      const running = await start();
      await untilStreaming(house);
      process.kill(await pidOf(house), 'SIGKILL');
      await house.redis.restart();
      await running.result();
    });
  });

  it('leaves nothing when it is cancelled in the middle of the stream', async () => {
    const stored = async () => (await objectsOf(house)).filter((key) => key.includes('/snapshots/'));
    const before = await stored();
    await house.ask(...SLOW);
    const running = await start();
    await untilStreaming(house);
    await running.cancel();
    await assert.rejects(running.result(), { name: 'WorkflowFailedError' });
    assert.equal((await running.describe()).status.name, 'CANCELLED');
    await until(async () => isDeepStrictEqual(await stored(), before), { what: 'what was begun is gone' });
    await until(async () => !/rdb_bgsave_in_progress:1/.test(String(await house.ask('INFO', 'persistence'))), {
      what: 'Redis saves no more',
    });
  });

  it('is joined by whoever starts it a second time', async () => {
    await oneMore(house, async () => {
      const [first, second] = [await start(), await start()];
      assert.equal(first.firstExecutionRunId, second.firstExecutionRunId);
      assert.deepEqual(await first.result(), await second.result());
    });
  });

  it('is taken by BGSAVE where it is asked for, and leaves no file in the directory of Redis', async () => {
    const { method, rdb } = await oneMore(house, async () => (await start('saved')).result(), 'saved');
    assert.deepEqual([method, rdb.keys], ['bgsave', KEYS]);
    assert.deepEqual(readdirSync(house.redis.dir).sort(), ['appendonlydir', 'dump.rdb']);
  });

  describe('while rdbcompression is off for its fork,', () => {
    const compression = async () => (await house.ask('CONFIG', 'GET', 'rdbcompression')) as string[];
    const isOff = () => until(async () => (await compression())[1] === 'no', { what: 'rdbcompression is off' });
    before(() => house.ask('CONFIG', 'SET', 'repl-diskless-sync-delay', '2')); // the time that the fork is waited for
    after(() => house.ask('CONFIG', 'SET', 'repl-diskless-sync-delay', '0'));
    afterEach(async () => {
      await until(async () => !(await house.isLocked('fork')), { what: 'the lock is free' });
      assert.equal((await compression())[1], 'yes');
    });

    it('turns it on again as soon as Redis has forked', async () => {
      const running = await start('fork');
      await isOff();
      const { rdb, server } = await oneMore(house, () => running.result(), 'fork');
      assert.ok(rdb.bytes > UNCOMPRESSED);
      assert.equal(server.policy.rdbcompression, 'yes');
    });

    it('turns it on again, and is stored, when the worker dies then', async () => {
      const running = await start('fork');
      await isOff();
      await house.killWorker();
      assert.equal((await compression())[1], 'no');
      await house.startWorker();
      const { rdb } = await oneMore(house, () => running.result(), 'fork');
      assert.ok(rdb.bytes > UNCOMPRESSED);
    });

    it('turns it on again when it is terminated', async () => {
      const before = await listed(house, 'fork');
      const running = await start('fork');
      await isOff();
      await running.terminate('test');
      await until(async () => !(await house.isLocked('fork')), { what: 'the lock is free' });
      assert.deepEqual(await listed(house, 'fork'), before);
    });

    it('never turns it on where a person has turned it off', async () => {
      await house.ask('CONFIG', 'SET', 'rdbcompression', 'no');
      await oneMore(house, async () => (await start('fork')).result(), 'fork');
      assert.equal((await compression())[1], 'no');
      await house.ask('CONFIG', 'SET', 'rdbcompression', 'yes');
    });
  });

  it('is restored to the last key, after all that', async () => {
    await house.ask('FLUSHALL');
    const { keysFound, exact } = await house.restore();
    assert.deepEqual([keysFound, exact], [KEYS, true]);
    assert.equal(await house.ask('DBSIZE'), KEYS);
  });

  it('has left only whole backups behind', async () => {
    const left: string[] = [];
    for (const instance of ['main', 'second', 'third', 'fork', 'saved'])
      for (const manifest of await house.repository.snapshots({ instance, shard: '0' }).list()) {
        await assertWhole(house, manifest);
        left.push(instance);
      }
    assert.ok(left.includes('main'), left.join());
  });
});

async function pidOf(house: House): Promise<number> {
  return Number(/process_id:(\d+)/.exec(String(await house.ask('INFO', 'server')))?.[1]);
}
