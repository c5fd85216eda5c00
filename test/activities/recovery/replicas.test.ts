import assert from 'node:assert/strict';
import { openRedis } from '../../../redis/client/client.ts';
import { countSentinels } from '../../../redis/sentinels.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { startSentinel } from '../../support/sentinel.ts';
import { until } from '../../support/until.ts';
import { found, recoverySite } from '../support/recovery-site.ts';

const FAST = { 'repl-diskless-sync': 'yes', 'repl-timeout': '2' };
const addressOf = ({ port }: RedisServer): string => `127.0.0.1:${port}`;
const replidOf = async (redis: RedisServer): Promise<string> =>
  /^master_replid:(\w+)/m.exec(String(await redis.command('INFO', 'replication')))?.[1] ?? '';
const asFound = async (redis: RedisServer, keys: number) => ({ address: addressOf(redis), keys, replid: await replidOf(redis) });
const role = async (redis: RedisServer): Promise<unknown> => ((await redis.command('ROLE')) as unknown[])[0];

async function replicaOf(primary: RedisServer, keys: number): Promise<RedisServer> {
  const replica = await startRedis({ config: FAST });
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port));
  await until(async () => (await replica.dbsize()) === keys, { what: 'a replica has all keys' });
  return replica;
}

describe('Replicas', function () {
  this.timeout(30_000);

  it('keep their data when their primary starts empty, because they are let go first', async () => {
    await using site = await recoverySite({ config: FAST });
    await site.ask('SET', 'a', '1');
    await using replica = await replicaOf(site.redis, 1);
    await site.redis.kill('SIGKILL');
    const gone = '127.0.0.1:1';
    const replicas = [
      await asFound(replica, 1),
      { address: gone, keys: 1, replid: 'x' },
      { address: '127.0.0.1:2', keys: 0, replid: 'x' },
    ];
    const input = found('rdb-damaged', { replicas });
    await site.during((actions) => actions.setAside(input));
    await assert.rejects(
      site.during((actions) => actions.restartServer(input)),
      { code: 'RESTORE_REFUSED' },
    );
    await assert.rejects(
      site.during((actions) => actions.startEmpty(input)),
      { code: 'RESTORE_REFUSED', message: /still follows main: this start would wipe it/ },
    );
    for (let attempt = 1; attempt <= 2; attempt++) {
      const { detached, failed } = await site.during((actions) => actions.detachReplicas(input));
      assert.deepEqual(detached, [{ address: addressOf(replica), keys: 1 }]);
      assert.deepEqual(
        failed.map(({ address }) => address),
        [gone],
      );
    }
    await site.during((actions) => actions.startEmpty(input));
    await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
    assert.equal(await replica.dbsize(), 1);
  });

  it('give the primary from among them, the others follow it, and a retry finds the same', async () => {
    await using site = await recoverySite({ config: FAST });
    await site.ask('SET', 'a', '1');
    await using one = await replicaOf(site.redis, 1);
    await using other = await replicaOf(site.redis, 1);
    await site.redis.kill('SIGKILL');
    const replicas = await Promise.all([one, other].map((replica) => asFound(replica, 1)));
    const input = found('rdb-damaged', { replicas });
    const promoted = await site.during((actions) => actions.promoteReplica(input));
    assert.equal(promoted.keys, 1);
    const [primary, follower] = promoted.address === addressOf(one) ? [one, other] : [other, one];
    assert.deepEqual(promoted.following, [addressOf(follower)]);
    assert.deepEqual(await site.during((actions) => actions.promoteReplica(input)), promoted);
    await site.during((actions) => actions.detachReplicas(input)); // the next act of such a plan
    await primary.command('SET', 'b', '2');
    await until(async () => (await follower.dbsize()) === 2, { what: 'the other one follows' });
    assert.deepEqual([await role(primary), await role(follower)], ['master', 'slave']);
  });

  it('are no servers that are of another history, and a primary that has data is made to follow nobody', async () => {
    await using site = await recoverySite({ config: FAST });
    await site.ask('SET', 'a', '1');
    await using one = await replicaOf(site.redis, 1);
    await using other = await replicaOf(site.redis, 1);
    await using elsewhere = await startRedis({ config: FAST });
    await elsewhere.command('MSET', 'order:1', 'x', 'order:2', 'x');
    await using theirs = await replicaOf(elsewhere, 2);
    const ours = await Promise.all([one, other].map((replica) => asFound(replica, 1)));
    const reused = [elsewhere, theirs].map((redis) => ({ ...(ours[0] as (typeof ours)[0]), address: addressOf(redis) }));
    for (const replica of [one, other]) await replica.command('REPLICAOF', 'NO', 'ONE');
    await other.command('SET', 'b', '1');
    await site.redis.kill('SIGKILL');
    const input = found('rdb-damaged', { replicas: [...ours, ...reused] });
    const { address, following, failed } = await site.during((actions) => actions.promoteReplica(input));
    assert.deepEqual([address, following], [addressOf(other), []]);
    const whys = Object.fromEntries(failed.map(({ address, why }) => [address, why]));
    assert.match(whys[addressOf(one)] ?? '', /it is a primary with 1 keys, and left alone/);
    for (const redis of [elsewhere, theirs]) assert.match(whys[addressOf(redis)] ?? '', /of another history .* left alone/);
    const detached = await site.during((actions) => actions.detachReplicas(input));
    assert.deepEqual(
      detached.detached.map(({ address }) => address),
      [one, other].map(addressOf),
    );
    assert.deepEqual([await role(one), await role(elsewhere), await role(theirs)], ['master', 'master', 'slave']);
    assert.deepEqual([await one.dbsize(), await elsewhere.dbsize(), await theirs.dbsize()], [1, 2, 2]);
  });

  it('are left to Sentinel where it watches them', async () => {
    await using site = await recoverySite({ config: FAST });
    await site.ask('SET', 'a', '1');
    await using replica = await replicaOf(site.redis, 1);
    await using sentinel = await startSentinel(site.redis.port);
    await until(async () => (await sentinel.replicas()).includes(addressOf(replica)), { what: 'the Sentinel knows it' });
    await until(async () => (await countSentinels(await replica.client())) === 1, { what: 'the Sentinel watches it' });
    await site.redis.kill('SIGKILL');
    const input = found('rdb-damaged', { replicas: [await asFound(replica, 1)] });
    await assert.rejects(
      site.during((actions) => actions.promoteReplica(input)),
      { code: 'RESTORE_REFUSED', message: /1 Sentinel watches replica 127\.0\.0\.1:\d+: the promotion is theirs/ },
    );
    assert.equal(await role(replica), 'slave');
  });

  it('are none to promote when none of them has data', async () => {
    await using site = await recoverySite();
    await using empty = await startRedis();
    const replicas = [await asFound(empty, 0)];
    await assert.rejects(
      site.during((actions) => actions.promoteReplica(found('empty', { replicas }))),
      { code: 'REDIS_UNREACHABLE', message: /no replica of main has data and answers/ },
    );
  });
});

describe('A living Redis', function () {
  this.timeout(30_000);

  it('that follows somebody becomes a primary and keeps its data', async () => {
    await using site = await recoverySite();
    await site.ask('SET', 'a', '1');
    await site.ask('REPLICAOF', '127.0.0.1', '1');
    for (let attempt = 1; attempt <= 2; attempt++)
      assert.deepEqual(await site.during((actions) => actions.makePrimary(MAIN)), { keys: 1 });
    assert.equal(await site.ask('SET', 'b', '1'), 'OK');
  });

  const ENDLESS = 'while true do end';
  const BUSY = { 'lua-time-limit': '10' };
  const busy = async (redis: RedisServer, ...command: string[]) => {
    const client = await redis.client();
    const running = client.command(...command);
    running.catch(() => {}); // it is ended
    await until(
      async () => {
        using other = await openRedis(redis.connection);
        return await other.command('PING').then(
          () => false,
          (error) => /BUSY/.test(error.message),
        );
      },
      { what: 'it is busy' },
    );
  };

  for (const { path: binary, label, ...version } of redisBinaries())
    it(`of ${label} is freed of a script, and of a function where it has them`, async () => {
      await using site = await recoverySite({ binary, config: BUSY });
      const kill = () => site.during((actions) => actions.killScript(MAIN));
      assert.deepEqual(await kill(), { ended: 'nothing' });
      await busy(site.redis, 'EVAL', ENDLESS, '0');
      assert.deepEqual(await kill(), { ended: 'script' });
      await until(async () => (await site.ask('PING').catch(() => '')) === 'PONG', { what: 'PONG' });
      if (!isAtLeast({ path: binary, label, ...version }, 7)) return;
      await site.ask('FUNCTION', 'LOAD', `#!lua name=lib\nredis.register_function('f', function() ${ENDLESS} end)`);
      await busy(site.redis, 'FCALL', 'f', '0');
      assert.deepEqual(await kill(), { ended: 'function' });
      await until(async () => (await site.ask('PING').catch(() => '')) === 'PONG', { what: 'PONG' });
    });

  it('cannot be freed of a script that has written, and that is said', async () => {
    await using site = await recoverySite({ config: BUSY });
    await busy(site.redis, 'EVAL', `redis.call('SET', KEYS[1], '1') ${ENDLESS}`, '1', 'a');
    await assert.rejects(
      site.during((actions) => actions.killScript(MAIN)),
      { code: 'REDIS_REFUSED', message: /has written already, and cannot be ended/ },
    );
  });
});
