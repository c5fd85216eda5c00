import assert from 'node:assert/strict';
import { MINIMUM_ACL } from '../../../redis/acl.ts';
import { openRedis, type RedisClient } from '../../../redis/client/client.ts';
import { readLiveConditions } from '../../../redis/live/conditions.ts';
import { awaitApplied, followPrimary, promote } from '../../../redis/live/live-load.ts';
import { ownPersistence } from '../../../redis/live/own-persistence.ts';
import { dryReachability } from '../../../redis/live/reachability.ts';
import { prepareFollow, putBackSettings, readFollowSettings } from '../../../redis/live/settings.ts';
import type { ServedPrimary } from '../../../redis/replication/primary.ts';
import { type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { freePort, type RedisOptions, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { digestOf, type LiveSource, takeSource } from '../support/live-source.ts';
import { newData, PASSWORD, serve, startTarget } from '../support/live-target.ts';

const HOST = '127.0.0.1';
const RULES = [...MINIMUM_ACL.backup, ...MINIMUM_ACL.live].join(' ');
const OPTIONS = { password: PASSWORD, load: 'swapdb' } as const;

/** A target, and a client that may do what a live load needs and no more. */
async function start(options: RedisOptions = {}): Promise<{ target: RedisServer; client: RedisClient }> {
  const config = { 'repl-diskless-load': undefined, 'repl-timeout': '42', ...options.config };
  const target = await startTarget({ users: { live: `on >secret ${RULES}` }, ...options, config });
  return { target, client: await clientFor(target) };
}

const clientFor = (target: RedisServer): Promise<RedisClient> =>
  openRedis({ ...target.connection, username: 'live', password: 'secret' });

/** Everything up to the confirmation. */
async function load(target: RedisServer, client: RedisClient, data: LiveSource): Promise<ServedPrimary> {
  await prepareFollow(client, await readFollowSettings(client), OPTIONS);
  const primary = await serve(target, data);
  await followPrimary(client, HOST, primary.port);
  primary.started();
  await primary.done;
  return primary;
}

async function expectation(client: RedisClient, { port }: { port: number }) {
  const { runId, maxmemoryBytes, unexpectedErrorReplies } = await readLiveConditions(client);
  return { host: HOST, port, runId, maxmemoryBytes, unexpectedErrorReplies };
}

describe('the steps of a live load', () => {
  const datas = new Map<string, LiveSource>();
  const dataOf = async (binary: RedisBinary): Promise<LiveSource> => {
    const found = datas.get(binary.path) ?? (await newData({ binary: binary.path }));
    datas.set(binary.path, found);
    return found;
  };

  for (const binary of redisBinaries()) {
    it(`exchange all data of ${binary.label}, survive a crash right behind them, and may each be repeated`, async () => {
      const data = await dataOf(binary);
      const config = { appendonly: 'yes', maxmemory: '32mb', 'maxmemory-policy': 'allkeys-lru' };
      const { target, client } = await start({ binary: binary.path, config });
      await using _ = target;
      const before = await readLiveConditions(client);
      assert.equal(before.settings.values['repl-timeout'], '42');
      for (const _twice of [1, 2]) await prepareFollow(client, before.settings, OPTIONS);
      assert.equal((await readFollowSettings(client)).values['repl-timeout'], '5');
      await using primary = await serve(target, data);
      const expected = await expectation(client, primary);
      for (const _twice of [1, 2]) await followPrimary(client, HOST, primary.port);
      primary.started();
      await primary.done;
      await assert.rejects(awaitApplied(client, { ...expected, port: primary.port + 1 }), /no longer follows the worker/);
      for (const _twice of [1, 2]) await awaitApplied(client, expected, { pollMs: 10 });
      const promoted = await promote(client);
      assert.deepEqual(await promote(client), promoted);
      assert.equal(promoted.runId, before.runId);
      assert.notEqual(promoted.replid, before.replid);
      for (const _twice of [1, 2]) await putBackSettings(client, before.settings);
      assert.deepEqual(await readFollowSettings(client), before.settings);
      await assert.rejects(awaitApplied(client, expected), /no longer follows the worker/);
      for (const _twice of [1, 2]) assert.equal(await ownPersistence(client, { runId: before.runId, pollMs: 10 }), 'aof');
      assert.equal(await digestOf(target), data.digest);
      assert.equal((await client.info('stats')).number('evicted_keys'), 0);
      await target.kill('SIGKILL');
      await target.restart();
      assert.equal(await digestOf(target), data.digest);
      client.close();
    });
  }

  it('put the new data into dump.rdb, where Redis has save points and no log', async () => {
    const data = await dataOf(redisBinaries()[0] as RedisBinary);
    const { target, client } = await start({ config: { save: '3600 1' } });
    await using _ = target;
    await using __ = await load(target, client, data);
    const { runId } = await promote(client);
    assert.equal(await ownPersistence(client, { runId, pollMs: 10 }), 'rdb');
    await target.kill('SIGKILL');
    await target.restart();
    assert.equal(await digestOf(target), data.digest);
    const again = await clientFor(target);
    await assert.rejects(ownPersistence(again, { runId }), { code: 'LIVE_FAILED', message: /was restarted/ });
    await again.configSet('save', '');
    assert.equal(await ownPersistence(again, { runId: (await readLiveConditions(again)).runId }), 'none');
    for (const one of [client, again]) one.close();
  });

  it('tell what a Redis is and does, without its secrets', async () => {
    const config = { masterauth: 'hunter2', 'min-replicas-to-write': '1', save: '60 5', 'maxmemory-policy': 'volatile-lru' };
    await using target = await startRedis({ config });
    await using replica = await startRedis({ config: { replicaof: `${HOST} ${target.port}` } });
    const client = await target.client();
    await until(async () => (await readLiveConditions(client)).replicas === 1, { what: 'the replica is there' });
    const found = await readLiveConditions(client);
    assert.equal(JSON.stringify(found).includes('hunter2'), false);
    assert.equal(found.settings.masterauth, 'unknown');
    assert.equal((await readLiveConditions(client, { masterauth: 'hunter2' })).settings.masterauth, 'known');
    assert.deepEqual(JSON.parse(JSON.stringify(found)), found);
    const { role, replicas, sentinels, minReplicasToWrite, maxmemoryPolicy, appendonly, save, isCluster, isLoading } = found;
    assert.deepEqual(
      { role, replicas, sentinels, minReplicasToWrite, maxmemoryPolicy, appendonly, save, isCluster, isLoading },
      {
        role: 'master',
        replicas: 1,
        sentinels: 0,
        minReplicasToWrite: 1,
        maxmemoryPolicy: 'volatile-lru',
        appendonly: false,
        save: '60 5',
        isCluster: false,
        isLoading: false,
      },
    );
    const asReplica = await readLiveConditions(await replica.client());
    assert.deepEqual([asReplica.role, asReplica.primary?.port], ['slave', target.port]);
    assert.equal(asReplica.replid, found.replid);
  });

  it('do not touch a masterauth that could not be put back, and put back one that the configuration knows', async () => {
    const { target, client } = await start({ config: { masterauth: 'hunter2', masteruser: 'replicator' } });
    await using _ = target;
    const unknown = await readFollowSettings(client, { masterauth: 'another' });
    await assert.rejects(prepareFollow(client, unknown, OPTIONS), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'RESTORE_REFUSED');
      assert.doesNotMatch(error.message, /hunter2|another/);
      return true;
    });
    await putBackSettings(client, unknown); // as the undo list does, also when nothing was changed
    const secrets = { masterauth: 'hunter2' };
    const known = await readFollowSettings(client, secrets);
    assert.deepEqual(known, unknown.masterauth === 'unknown' && { ...unknown, masterauth: 'known' });
    await prepareFollow(client, known, { ...OPTIONS, user: 'loader' });
    assert.equal((await client.configGet('masterauth')).masterauth, PASSWORD);
    assert.equal((await readFollowSettings(client)).values.masteruser, 'loader');
    await assert.rejects(putBackSettings(client, known), { code: 'RESTORE_REFUSED' });
    await putBackSettings(client, known, secrets);
    assert.equal((await client.configGet('masterauth')).masterauth, 'hunter2');
    assert.deepEqual(await readFollowSettings(client, secrets), known);
    client.close();
  });

  it('forbid a promotion when Redis skipped a command of the log, lost the worker, or has too little memory', async () => {
    const data = await dataOf(redisBinaries()[0] as RedisBinary);
    const { target, client } = await start();
    await using _ = target;
    const log = Buffer.concat([data.log, Buffer.from('*2\r\n$7\r\nHIDDEN1\r\n$1\r\na\r\n')]);
    const before = await expectation(client, { port: 0 });
    await using primary = await load(target, client, { ...data, log });
    const expected = { ...before, port: primary.port };
    await assert.rejects(awaitApplied(client, expected), {
      code: 'LOG_REFUSED',
      message: /did not carry out 1 command of the log/,
    });
    const sound = await expectation(client, primary);
    const small = { ...sound, maxmemoryBytes: 1_000_000 };
    await assert.rejects(awaitApplied(client, small, { memorySettlesWithinMs: 30, pollMs: 10 }), {
      message: /not below its maxmemory/,
    });
    await awaitApplied(client, sound, { pollMs: 10 });
    await assert.rejects(awaitApplied(client, { ...sound, runId: 'x' }), { message: /was restarted/ });
    await primary.close();
    await until(async () => (await readLiveConditions(client)).primary?.isLinkUp === false, { what: 'the link is down' });
    await assert.rejects(awaitApplied(client, sound), { code: 'LIVE_FAILED', message: /has lost the worker/ });
    await promote(client);
    await assert.rejects(awaitApplied(client, sound), { code: 'LIVE_FAILED', message: /no longer follows/ });
    client.close();
  });

  it('try the path from Redis to the worker, and leave nothing behind', async () => {
    const { target, client } = await start();
    await using _ = target;
    const keys = await target.dbsize();
    assert.deepEqual(await dryReachability(client, HOST, 0, { listenHost: HOST }), { isReachable: true, from: HOST });
    const closed = await dryReachability(client, HOST, await freePort(), { listenHost: '127.0.0.2' });
    assert.ok(!closed.isReachable);
    assert.match(closed.why, /IOERR/);
    assert.equal(await target.dbsize(), keys);
    assert.equal((await readLiveConditions(client)).role, 'master');
    const port = await freePort();
    await using __ = await serve(target, { ...(await takeSource(target, async () => undefined)) }, { port });
    await assert.rejects(dryReachability(client, HOST, port, { listenHost: HOST }), { code: 'LIVE_FAILED' });
    client.close();
  });
});
