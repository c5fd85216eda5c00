import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { RedisConnection } from '../../../redis/client/connection.ts';
import { checkHealth } from '../../../redis/health/health.ts';
import { ownAddressTowards } from '../../../redis/live/own-address.ts';
import { createRdbReader } from '../../../redis/rdb/reader.ts';
import { openRdbStream } from '../../../redis/replication/replica.ts';
import { sameServers } from '../../../redis/same-server.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { bytesOf } from '../support/bytes-of.ts';

/** By its socket alone: nothing listens at the port beside it. */
const bySocket = (redis: RedisServer): RedisConnection => ({
  host: 'localhost',
  port: 0,
  socketPath: join(redis.dir, 'redis.sock'),
});

describe('A Redis that is reached by a Unix socket', function () {
  this.timeout(120_000);
  for (const binary of redisBinaries()) {
    it(`is looked at, and gives a snapshot over replication: ${binary.label}`, async () => {
      await using redis = await startRedis({ binary: binary.path, config: { unixsocket: 'redis.sock' } });
      await redis.command('DEBUG', 'POPULATE', '700');
      const look = await checkHealth(bySocket(redis));
      assert.equal(look.verdict, 'serves', JSON.stringify(look));
      const reader = createRdbReader({ classes: [], takenAtMs: Date.now() });
      reader.write(await bytesOf(await openRdbStream(bySocket(redis))));
      const { facts } = reader.end();
      assert.deepEqual([facts.keys, facts.crc64], [700, 'valid']);
    });
  }

  it('is the same as by its port, and is on this machine', async () => {
    await using redis = await startRedis({ config: { unixsocket: 'redis.sock' } });
    const runId = (await (await redis.client()).info('server')).get('run_id') ?? '';
    const others = [{ name: 'by-port', connection: redis.connection }];
    assert.deepEqual(await sameServers(runId, bySocket(redis), others), ['by-port']);
    assert.equal(await ownAddressTowards(bySocket(redis)), '127.0.0.1');
  });

  it('is refused by its path where there is no such socket, or nobody listens at it any more', async () => {
    await using redis = await startRedis({ config: { unixsocket: 'redis.sock' } });
    const gone = { ...bySocket(redis), socketPath: join(redis.dir, 'other.sock') };
    const look = await checkHealth(gone);
    assert.deepEqual([look.verdict, look.detail], ['refused', 'there is no such socket']);
    assert.equal(look.address, gone.socketPath);
    await redis.kill('SIGKILL');
    assert.equal((await checkHealth(bySocket(redis))).verdict, 'refused');
  });
});
