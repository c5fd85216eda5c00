import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { inspect } from 'node:util';
import { RecoveryError } from '../../../model/errors.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { describeConnection } from '../../../redis/client/connection.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { startLoading } from '../support/start-loading.ts';

const answers = (redis: RedisServer) => async () => {
  try {
    (await openRedis(redis.connection)).close();
    return true;
  } catch {
    return false; // not yet
  }
};

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
  });

  it('is restarted and keeps its directory', async () => {
    await using redis = await startRedis({ config: { appendonly: 'yes' } });
    await redis.command('SET', 'a', '1');
    await redis.kill('SIGKILL');
    assert.equal(await redis.exited(), 'SIGKILL');
    await redis.restart();
    assert.equal(await redis.dbsize(), 1);
  });

  it('leaves nothing behind, not even a Redis that somebody else started in its directory', async () => {
    const redis = await startRedis();
    await redis.stop();
    const other = spawn(redis.binary.path, [redis.configFile], { stdio: 'ignore', detached: true });
    await until(answers(redis), { what: 'the other Redis answers' });
    await redis[Symbol.asyncDispose]();
    await until(() => other.signalCode === 'SIGKILL', { what: 'the other Redis has ended' });
  });

  it('speaks TLS with a client certificate', async () => {
    await using redis: RedisServer = await startRedis({ tls: 'mutual', password: 'secret' });
    assert.equal(await redis.command('PING'), 'PONG');
  });

  it('is made while Redis loads, and says so for what must wait', async () => {
    await using redis = await startLoading();
    using client = await openRedis(redis.connection);
    assert.equal((await client.info('persistence')).flag('loading'), true);
    await assert.rejects(client.command('GET', 'a'), { code: 'REDIS_NOT_READY', message: /LOADING/ });
  });

  const failures: [what: string, code: string, next: RegExp, make: (redis: RedisServer) => Promise<unknown>][] = [
    [
      'a port where nobody listens',
      'REDIS_UNREACHABLE',
      /Nothing listens there/,
      async (redis) => {
        await redis.kill('SIGKILL');
        return openRedis(redis.connection);
      },
    ],
    [
      'a host that does not exist',
      'REDIS_UNREACHABLE',
      /host name is not known/,
      async () => openRedis({ host: 'no-such-host.invalid', port: 6379 }),
    ],
    [
      'a Redis that hangs',
      'REDIS_UNREACHABLE',
      /blocked Redis is silent/,
      async (redis) => {
        await redis.kill('SIGSTOP');
        return openRedis(redis.connection, { commandTimeoutMs: 100 });
      },
    ],
    [
      'a Redis that dies under a question',
      'REDIS_UNREACHABLE',
      /Check that Redis runs/,
      async (redis) => {
        const asked = (await openRedis(redis.connection)).command('BLPOP', 'nothing', '0');
        setTimeout(() => redis.kill('SIGKILL'), 20);
        return asked;
      },
    ],
    [
      'a missing password',
      'REDIS_AUTH_FAILED',
      /password/,
      async ({ connection: { password: _, ...rest } }) => (await openRedis(rest)).info(),
    ],
    [
      'a wrong password',
      'REDIS_AUTH_FAILED',
      /rotation/,
      async ({ connection }) => openRedis({ ...connection, password: 'battery-staple' }),
    ],
    [
      'a missing permission',
      'REDIS_PERMISSION_DENIED',
      /ACL SETUSER limited \+config\|get$/,
      async ({ connection }) =>
        (await openRedis({ ...connection, username: 'limited', password: 'correct-horse' })).configGet('dir'),
    ],
    [
      'an unknown command',
      'REDIS_REFUSED',
      /rename-command gave it another name .* disabled/,
      async ({ connection }) => (await openRedis(connection)).command('HIDDEN', 'correct-horse', 'argument-nobody-should-see'),
    ],
    [
      'a refused value',
      'REDIS_REFUSED',
      /answer of Redis/,
      async ({ connection }) => (await openRedis(connection)).configSet('appendfsync', 'correct-horse'),
    ],
    [
      'TLS towards a plain port',
      'REDIS_UNREACHABLE',
      /TLS failed|Check that Redis runs/,
      async ({ connection }) => openRedis({ ...connection, tls: {} }, { connectTimeoutMs: 500 }),
    ],
  ];
  for (const [what, code, next, make] of failures) {
    it(`that fails by ${what} says ${code}, what to do, and no secret`, async () => {
      const users = { limited: 'on >correct-horse +info' };
      await using redis = await startRedis({ password: 'correct-horse', users });
      await assert.rejects(make(redis), (error: unknown) => {
        assert.ok(error instanceof RecoveryError, String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.next, next);
        const text = `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`;
        assert.doesNotMatch(text, /correct-horse|battery-staple|nobody-should-see/);
        return true;
      });
    });
  }

  it('is made to a Redis that came back without its password', async () => {
    await using redis = await startRedis();
    using client = await openRedis({ ...redis.connection, password: 'was set before' });
    await client.ping();
  });

  it('is described without its secrets', () => {
    const connection = { host: '::1', port: 6379, username: 'u', password: 'p', tls: {} };
    assert.equal(describeConnection(connection), 'rediss://[::1]:6379');
  });
});
