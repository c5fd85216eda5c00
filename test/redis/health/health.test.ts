import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { HealthReport, HealthVerdict } from '../../../model/health-report.ts';
import type { RedisConnection } from '../../../redis/client/connection.ts';
import { checkHealth } from '../../../redis/health/health.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { freePort, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const QUICK = { withinMs: 800 };

/** The verdict, with all that was seen in the message of a failure. */
function is(look: HealthReport, verdict: HealthVerdict, detail?: RegExp): void {
  assert.equal(look.verdict, verdict, JSON.stringify(look));
  if (detail) assert.match(look.detail, detail);
}

async function untilLooks(connection: RedisConnection, verdict: HealthVerdict): Promise<HealthReport> {
  let look: HealthReport | undefined;
  await until(
    async () => {
      look = await checkHealth(connection, QUICK);
      return look.verdict === verdict;
    },
    { what: `it looks ${verdict}`, seconds: 15 },
  );
  return look ?? assert.fail();
}

/** A server that is no Redis. */
async function pretend(
  greet: string | undefined,
  answer: string | undefined,
): Promise<{ connection: RedisConnection; server: Server }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (greet !== undefined) socket.write(greet);
    socket.once('data', () => (answer === undefined ? socket.destroy() : socket.end(answer)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { server, connection: { host: '127.0.0.1', port: typeof address === 'object' && address ? address.port : 0 } };
}

describe('One look at a Redis', function () {
  this.timeout(30_000);
  for (const binary of redisBinaries()) {
    describe(`that is ${binary.label}`, () => {
      let redis: RedisServer;
      before(async () => {
        redis = await startRedis({ binary: binary.path });
      });
      after(() => redis[Symbol.asyncDispose]());

      it('sees that it serves, and leaves nothing behind', async () => {
        await redis.command('SET', 'one', '1');
        const look = await checkHealth(redis.connection);
        is(look, 'serves');
        assert.equal(look.facts?.keys, 1);
        assert.equal(look.facts?.pid, redis.pid);
        assert.equal(await redis.dbsize(), 1);
      });

      it('sees that it is full, before and after a client has found out', async () => {
        await redis.command('CONFIG', 'SET', 'maxmemory', '100kb');
        await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
        is(await checkHealth(redis.connection), 'full', /OOM/);
        await redis.command('CONFIG', 'SET', 'maxmemory', '0');
      });

      it('sees that it is a replica, with what it follows', async () => {
        const dead = await freePort();
        await redis.command('REPLICAOF', '127.0.0.1', `${dead}`);
        const look = await checkHealth(redis.connection);
        is(look, 'read-only', /READONLY|MASTERDOWN/);
        assert.equal(look.facts?.primary, `127.0.0.1:${dead}`);
        assert.equal(look.facts?.primaryLinkUp, false);
        await redis.command('REPLICAOF', 'NO', 'ONE');
      });

      it('sees that too few replicas are there for a write', async () => {
        await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
        is(await checkHealth(redis.connection), 'refuses-writes', /NOREPLICAS/);
        await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
      });

      it('sees that a script never ends', async () => {
        await redis.command('CONFIG', 'SET', isAtLeast(binary, 7) ? 'busy-reply-threshold' : 'lua-time-limit', '50');
        const running = redis.command('EVAL', 'while true do end', '0').catch((error) => error);
        is(await untilLooks(redis.connection, 'busy'), 'busy', /BUSY/);
        using client = await redis.client();
        await client.command('SCRIPT', 'KILL');
        await running;
      });

      it('sees that it runs and answers nothing', async () => {
        await redis.kill('SIGSTOP');
        is(await checkHealth(redis.connection, QUICK), 'silent');
        await redis.kill('SIGCONT');
      });

      it('sees that it takes no more connections', async () => {
        const held = await redis.client();
        await held.command('CONFIG', 'SET', 'maxclients', '1');
        for (let round = 0; round < 5; round++) is(await checkHealth(redis.connection), 'clients-full', /max number of clients/);
        await held.command('CONFIG', 'SET', 'maxclients', '1000');
      });

      it('sees another password, and no password where one is wanted, and never shows ours', async () => {
        await redis.command('CONFIG', 'SET', 'requirepass', 'right');
        const look = await checkHealth({ ...redis.connection, password: 'not-the-secret' });
        is(look, 'password');
        assert.doesNotMatch(JSON.stringify(look), /not-the-secret/);
        is(await checkHealth(redis.connection), 'password', /NOAUTH/);
        is(await checkHealth({ ...redis.connection, password: 'right' }), 'serves');
        using client = await redis.client().catch(() => assert.fail());
        await client.command('AUTH', 'right');
        await client.command('CONFIG', 'SET', 'requirepass', '');
      });

      it('is content with a password that is no longer wanted, and with a user who may only read INFO', async () => {
        if (isAtLeast(binary, 7)) is(await checkHealth({ ...redis.connection, password: 'old' }), 'serves');
        await redis.command('ACL', 'SETUSER', 'little', 'on', '>secret', '+info', '+ping');
        const little = { ...redis.connection, username: 'little', password: 'secret' };
        is(await checkHealth(little), 'serves');
        await redis.command('ACL', 'SETUSER', 'little', '-info');
        is(await checkHealth(little), 'permission', /NOPERM/);
      });

      it('sees that it cannot save', async () => {
        await redis.command('CONFIG', 'SET', 'save', '3600 1');
        await redis.command('SET', 'one', '2');
        await rm(redis.dir, { recursive: true });
        await redis.command('BGSAVE').catch(() => undefined);
        is(await untilLooks(redis.connection, 'misconf'), 'misconf', /MISCONF/);
      });
    });
  }

  it('sees that it is loading, with how far it is', async () => {
    await using source = await startRedis({ config: { 'enable-debug-command': 'yes' } });
    await source.command('DEBUG', 'POPULATE', '20000');
    await source.command('SAVE');
    await using redis = await startRedis({
      config: { 'key-load-delay': '200', 'loading-process-events-interval-bytes': '1024' },
      seed: { 'dump.rdb': { from: `${source.dir}/dump.rdb` } },
      until: 'connected',
    });
    const look = await checkHealth(redis.connection);
    is(look, 'loading');
    assert.ok(look.facts?.loading && look.facts.loadingPercent !== undefined, JSON.stringify(look));
  });

  it('sees that nothing listens', async () => {
    is(await checkHealth({ host: '127.0.0.1', port: await freePort() }), 'refused');
  });

  it('sees that a name leads nowhere', async () => {
    is(await checkHealth({ host: 'no-such-host.invalid', port: 6379 }, { withinMs: 2_000 }), 'unreachable');
  });

  it('tells TLS from no TLS on either side, and an authority that it does not know', async () => {
    await using secure = await startRedis({ tls: 'server' });
    await using plain = await startRedis();
    const { host, port } = secure.connection;
    assert.match((await checkHealth({ host, port })).verdict, /^(?:tls|reset)$/);
    is(await checkHealth({ ...plain.connection, tls: {} }), 'tls');
    is(await checkHealth({ host, port, tls: {} }), 'tls', /certificate/);
    is(await checkHealth(secure.connection), 'serves');
  });

  for (const [what, greet, answer] of [
    ['a web server', undefined, 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
    ['a secure shell', 'SSH-2.0-OpenSSH_9.2\r\n', ''],
    ['a database of another kind', '\x4a\x00\x00\x00\x0a8.0.35\x00', ''],
  ] as const) {
    it(`is not deceived by ${what}`, async () => {
      const { server, connection } = await pretend(greet, answer);
      is(await checkHealth(connection, QUICK), 'not-redis');
      server.close();
    });
  }

  it('sees that connections are ended without a word', async () => {
    const { server, connection } = await pretend(undefined, undefined);
    is(await checkHealth(connection, QUICK), 'reset');
    server.close();
  });
});
