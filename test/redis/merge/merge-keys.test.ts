import assert from 'node:assert/strict';
import type { DataClass } from '../../../model/data-class.ts';
import type { RedisClient } from '../../../redis/client/client.ts';
import { type MergedClass, type MergeProgress, mergeKeys } from '../../../redis/merge/merge-keys.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const classOf = (name: string, pattern: string): DataClass => ({
  name,
  pattern,
  expiry: 'sliding',
  recreatable: false,
  sensitive: false,
  whenLost: '',
});
const CLASSES = [classOf('vip', 'session:vip:*'), classOf('sessions', 'session:*'), classOf('cache', 'cache:*')];

const counts = (classes: MergedClass[]) =>
  Object.fromEntries(classes.map(({ name, restored, kept, expired, failed }) => [name, [restored, kept, expired, failed]]));

async function pair(from: string, to: string, config: Record<string, string> = {}) {
  const [source, target] = await Promise.all([startRedis({ binary: from }), startRedis({ binary: to, config })]);
  return {
    source,
    target,
    from: await source.client(),
    to: await target.client(),
    async [Symbol.asyncDispose]() {
      await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
    },
  };
}

/** Keys of each class, with binary names and values, a time to live, and several types. */
async function fill(redis: RedisServer): Promise<void> {
  const client = await redis.client();
  const binary = Buffer.from('00ff0d0a80', 'hex');
  await client.batch([
    ['SET', Buffer.concat([Buffer.from('session:'), binary]), binary],
    ['SET', 'session:a', '1', 'PX', '3600000'],
    ['HSET', 'session:b', 'field', binary],
    ['SET', 'session:vip:a', '1'],
    ['RPUSH', 'cache:list', 'a', 'b'],
    ['SET', 'unclassified', '1'],
    ['SELECT', '3'],
    ['ZADD', 'session:in3', '1', 'member'],
  ]);
}

for (const { path, label } of redisBinaries()) {
  describe(`keys merged from ${label}`, () => {
    it('are those that were missing, of every database, with their expiry; what is there stays', async () => {
      await using servers = await pair(path, path);
      const { source, target, from, to } = servers;
      await fill(source);
      await target.command('SET', 'session:a', 'newer');
      const progress: MergeProgress[] = [];
      const { classes } = await mergeKeys({ from, to, classes: CLASSES, onProgress: (one) => progress.push(one) });
      assert.deepEqual(counts(classes), { vip: [1, 0, 0, 0], sessions: [3, 1, 0, 0], cache: [1, 0, 0, 0], other: [1, 0, 0, 0] });
      assert.deepEqual(progress.at(-1), { keys: 7, restored: 6 });
      assert.equal(await target.command('GET', 'session:a'), 'newer');
      assert.equal(await target.dbsize(3), 1);
      const again = await mergeKeys({ from, to, classes: CLASSES });
      assert.deepEqual(counts(again.classes).sessions, [0, 4, 0, 0]);
      const digest = async (redis: RedisServer) => redis.command('DEBUG', 'DIGEST');
      await Promise.all([source, target].map((redis) => redis.command('DEL', 'session:a')));
      assert.equal(await digest(target), await digest(source));
      assert.equal(await to.command('DBSIZE'), await target.dbsize(), 'the connection is in database 0 again');
    });

    it('are of the wanted classes only, by the first pattern that matches, in the databases that are asked for', async () => {
      await using servers = await pair(path, path);
      const { source, target, from, to } = servers;
      await fill(source);
      const one = await mergeKeys({ from, to, classes: CLASSES, wanted: ['sessions'], databases: [{ from: 0, to: 5 }] });
      assert.deepEqual(counts(one.classes), { sessions: [3, 0, 0, 0] });
      assert.deepEqual(await to.dbsizes(), [{ db: 5, keys: 3, expires: 1 }]);
      const two = await mergeKeys({ from, to, classes: CLASSES, wanted: ['vip', 'other'], databases: [{ from: 0, to: 0 }] });
      assert.deepEqual(counts(two.classes), { vip: [1, 0, 0, 0], other: [1, 0, 0, 0] });
      assert.equal(await target.dbsize(0), 2);
    });

    it('keep the moment of their expiry, and are counted when it has passed', async () => {
      await using servers = await pair(path, path);
      const { source, target, from, to } = servers;
      const at = Date.now() + 3_600_000;
      await source.command('SET', 'session:long', '1');
      await source.command('PEXPIREAT', 'session:long', `${at}`);
      await source.command('SET', 'session:short', '1', 'PX', '400');
      await source.command('SET', 'session:shorter', '1', 'PX', '300');
      const gone = (key: string) => until(async () => (await source.command('EXISTS', key)) === 0);
      // One expires after SCAN has named it, the other after DUMP has read it.
      const { classes } = await mergeKeys({
        from: delayed(from, 'DUMP', () => gone('session:shorter')),
        to: delayed(to, 'RESTORE', () => gone('session:short')),
        classes: CLASSES,
      });
      assert.deepEqual(counts(classes).sessions, [1, 0, 2, 0]);
      assert.equal(await target.dbsize(), 1);
      const left = Number(await target.command('PTTL', 'session:long'));
      assert.ok(Math.abs(Date.now() + left - at) < 1000, `${left}`);
    });
  });
}

/** The client, except that something happens before it sends a batch with this command. */
function delayed(client: RedisClient, name: string, happens: () => Promise<void>): RedisClient {
  return {
    ...client,
    batch: async (commands) => {
      if (commands.some(([command]) => command === name)) await happens();
      return client.batch(commands);
    },
  };
}

const evictedBy = async (redis: RedisServer): Promise<number> =>
  Number(/evicted_keys:(\d+)/.exec(String(await redis.command('INFO', 'stats')))?.[1]);

describe('keys that cannot be merged', () => {
  const [system = ''] = redisBinaries().map(({ path }) => path);

  it('are left out before the server is full, whose other clients go on writing', async () => {
    await using servers = await pair(system, system, { 'maxmemory-policy': 'noeviction', maxmemory: '6mb' });
    const { source, target, from, to } = servers;
    await source.command('DEBUG', 'POPULATE', '4000', 'session', '2000');
    const { classes, stopped, evicted } = await mergeKeys({ from, to, classes: CLASSES, wanted: ['sessions'] });
    const [{ restored, failed } = { restored: 0, failed: 0 }] = classes;
    assert.ok(restored > 100 && restored < 4000, `${restored} restored`);
    assert.deepEqual([failed, evicted, await target.dbsize()], [0, 0, restored]);
    assert.match(stopped ?? '', /full but for a margin: maxmemory is 6\.3 MB/);
    assert.equal(await target.command('SET', 'of:others', 'x'.repeat(100_000)), 'OK');
  });

  it('are left out before the server evicts what is newer', async () => {
    await using servers = await pair(system, system, { 'maxmemory-policy': 'allkeys-lru', maxmemory: '6mb' });
    const { source, target, from, to } = servers;
    await target.command('DEBUG', 'POPULATE', '1000', 'newer');
    await source.command('DEBUG', 'POPULATE', '4000', 'session', '2000');
    const { classes, evicted } = await mergeKeys({ from, to, classes: CLASSES, wanted: ['sessions'] });
    assert.deepEqual([evicted, await target.dbsize()], [0, 1000 + (classes[0]?.restored ?? 0)]);
  });

  it('are not tried any more once the server evicts for others, or has less memory than at first', async () => {
    await using servers = await pair(system, system, { 'maxmemory-policy': 'allkeys-lru', maxmemory: '40mb' });
    const { source, target, from, to } = servers;
    await source.command('DEBUG', 'POPULATE', '4000', 'session', '2000');
    await target.command('DEBUG', 'POPULATE', '3000', 'cache', '1000');
    let times = 0;
    const filled = delayed(to, 'RESTORE', async () => {
      if (++times !== 3) return;
      await target.command('CONFIG', 'SET', 'maxmemory', '3mb'); // by somebody else
      await until(async () => (await evictedBy(target)) > 0, { what: 'it evicts' });
      await target.command('CONFIG', 'SET', 'maxmemory', '40mb');
    });
    const { classes, stopped, evicted } = await mergeKeys({ from, to: filled, classes: CLASSES, wanted: ['sessions'] });
    assert.match(stopped ?? '', /has begun to evict keys \(allkeys-lru\)/);
    assert.equal(evicted, await evictedBy(target));
    assert.ok((classes[0]?.restored ?? 0) < 1000, `${classes[0]?.restored} restored`);
  });

  it('are not tried one by one where the server would refuse each of them', async () => {
    await using servers = await pair(system, system);
    const { source, target, from, to } = servers;
    await source.command('DEBUG', 'POPULATE', '3000', 'session', '2000');
    const follows = delayed(to, 'RESTORE', async () => void (await target.command('REPLICAOF', '127.0.0.1', '1')));
    const { classes, stopped } = await mergeKeys({ from, to: follows, classes: CLASSES, wanted: ['sessions'] });
    assert.match(stopped ?? '', /READONLY/);
    assert.ok((classes[0]?.failed ?? 0) < 100, `${classes[0]?.failed} tried`);
  });

  it('because one value is more than a client may send are counted, and the connection lives on', async () => {
    await using servers = await pair(system, system, { 'proto-max-bulk-len': '1mb' });
    const { source, target, from, to } = servers;
    await source.command('DEBUG', 'POPULATE', '1', 'session:large', '3000000');
    await source.command('SET', 'session:small', '1');
    await source.command('CONFIG', 'SET', 'rdbcompression', 'no');
    const { classes } = await mergeKeys({ from, to, classes: CLASSES, wanted: ['sessions'] });
    assert.deepEqual(counts(classes).sessions, [1, 0, 0, 1]);
    assert.match(classes[0]?.reasons[0]?.reason ?? '', /^a value of 3\.0 MB is more than Redis takes from one client at once$/);
    assert.equal(await target.dbsize(), 1);
  });

  it('because the server is older than the data say so, with the version of the data', async () => {
    const newest = redisBinaries().find((found) => isAtLeast(found, 8));
    const oldest = redisBinaries().find((found) => !isAtLeast(found, 7));
    if (!newest || !oldest) throw new Error('scripts/setup has not put Redis 6.2 and 8.2 there');
    await using servers = await pair(newest.path, oldest.path);
    const { source, from, to } = servers;
    await source.command('SET', 'session:a', '1');
    const { classes } = await mergeKeys({ from, to, classes: CLASSES, wanted: ['sessions'] });
    assert.deepEqual(counts(classes).sessions, [0, 0, 0, 1]);
    assert.match(classes[0]?.reasons[0]?.reason ?? '', /the value has RDB version 12, which is newer than this server/);
  });

  it('end the merge when a server goes away, or has no such database', async () => {
    await using servers = await pair(system, system);
    const { source, target, from, to } = servers;
    await source.command('DEBUG', 'POPULATE', '5000', 'session');
    const noSuch = mergeKeys({ from, to, classes: CLASSES, databases: [{ from: 0, to: 99 }] });
    await assert.rejects(noSuch, { code: 'REDIS_REFUSED', message: /DB index is out of range/ });
    const cancel = new AbortController();
    const onProgress = () => cancel.abort(new Error('cancelled by the test'));
    await assert.rejects(mergeKeys({ from, to, classes: CLASSES, onProgress, signal: cancel.signal }), /cancelled by the test/);
    const dying = delayed(to, 'RESTORE', () => target.kill('SIGKILL'));
    await assert.rejects(mergeKeys({ from, to: dying, classes: CLASSES }), { code: 'REDIS_UNREACHABLE' });
  });
});

describe('a merge of many keys', () => {
  it('brings all of them', async () => {
    const keys = 30_000;
    const [system = ''] = redisBinaries().map(({ path }) => path);
    await using servers = await pair(system, system);
    const { source, target, from, to } = servers;
    await source.command('DEBUG', 'POPULATE', `${keys}`, 'session', '200');
    const { classes } = await mergeKeys({ from, to, classes: CLASSES, wanted: ['sessions'] });
    assert.equal(classes[0]?.restored, keys);
    assert.equal(await target.dbsize(), keys);
  });
});
