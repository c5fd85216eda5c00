import assert from 'node:assert/strict';
import { openFollower } from '../../redis/replication/follow.ts';
import { countSentinels } from '../../redis/sentinels.ts';
import { startRedis } from '../support/redis-server.ts';
import { startSentinel } from '../support/sentinel.ts';
import { until } from '../support/until.ts';
import { record } from './support/recording.ts';

describe('A real Sentinel', function () {
  this.timeout(30_000);

  it('is seen at the primary and at its replica, and not where nobody may ask', async () => {
    const users = { blind: 'on nopass +@all -pubsub' };
    await using primary = await startRedis({ users });
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
    assert.deepEqual([await countSentinels(await primary.client()), await countSentinels(await replica.client())], [0, 0]);
    await using sentinel = await startSentinel(primary.port);
    for (const { client } of [primary, replica])
      await until(async () => (await countSentinels(await client())) === 1, { what: 'the Sentinel is seen' });
    assert.deepEqual(await sentinel.replicas(), [`127.0.0.1:${replica.port}`]);
    const client = await primary.client();
    await client.command('AUTH', 'blind', '');
    assert.equal(await countSentinels(client), undefined);
  });

  it('never takes the continuous log for a replica that could be promoted', async () => {
    await using primary = await startRedis();
    await primary.command('SET', 'key', 'value');
    const recording = await record(await openFollower(primary.connection));
    await until(async () => /connected_slaves:1/.test(String(await primary.command('INFO', 'replication'))));
    await using sentinel = await startSentinel(primary.port, 500);
    await until(async () => (await sentinel.replicas()).includes('127.0.0.1:0'), { what: 'the Sentinel has heard of it' });
    await assert.rejects(sentinel.client.command('SENTINEL', 'FAILOVER', 'watched'), /NOGOODSLAVE/);
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
    const address = `127.0.0.1:${replica.port}`;
    await until(async () => (await sentinel.replicas()).includes(address), { what: 'the Sentinel has heard of the replica' });
    await until(async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))));
    await primary.kill('SIGKILL');
    await until(async () => (await sentinel.primary()) === address, { what: 'the failover' });
    recording.follower.close();
  });
});
