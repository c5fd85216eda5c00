import assert from 'node:assert/strict';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

describe('a connection to Redis', () => {
  it('answers what INFO, TIME, CONFIG and MODULE LIST say', async () => {
    await using redis = await startRedis();
    const client = await redis.client();
    await client.command('SET', 'a', '1', 'EX', '100');
    await client.command('SET', 'b', '1');
    assert.deepEqual(await client.dbsizes(), [{ db: 0, keys: 2, expires: 1 }]);
    assert.ok(Math.abs((await client.time()) - Date.now()) < 2000);
    assert.deepEqual(await client.configGet('appendonly', 'no-such-setting', 'port'), {
      appendonly: 'no',
      port: `${redis.port}`,
    });
    assert.deepEqual(await client.moduleList(), []);
    assert.equal((await client.info('server', 'memory')).get('redis_version'), redis.binary.version);
    assert.equal((await client.clientList()).filter((line) => line.cmd?.startsWith('client')).length, 1);
  });

  it('is restarted and keeps its directory', async () => {
    await using redis = await startRedis({ config: { appendonly: 'yes' } });
    await redis.command('SET', 'a', '1');
    await redis.kill('SIGKILL');
    assert.equal(await redis.exited(), 'SIGKILL');
    await redis.restart();
    assert.equal(await redis.dbsize(), 1);
  });

  it('speaks TLS with a client certificate', async () => {
    await using redis: RedisServer = await startRedis({ tls: 'mutual', password: 'secret' });
    assert.equal(await redis.command('PING'), 'PONG');
  });
});
