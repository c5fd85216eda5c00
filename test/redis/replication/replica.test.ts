import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { RedisConnection } from '../../../redis/client/connection.ts';
import { createRdbReader } from '../../../redis/rdb/reader.ts';
import { type OpenRdbStreamOptions, openRdbStream } from '../../../redis/replication/replica.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { freePort, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { bytesOf } from '../support/bytes-of.ts';
import { startLoading } from '../support/start-loading.ts';

const KEYS = 1500;

/** What the reader finds in a snapshot: it proves the checksum, so that every byte is right. */
async function readingOf(connection: RedisConnection, options?: OpenRdbStreamOptions) {
  const stream = await openRdbStream(connection, options);
  const reader = createRdbReader({ classes: [], takenAtMs: Date.now() });
  reader.write(await bytesOf(stream));
  return { stream, facts: reader.end().facts };
}

const hasNoReplica = (redis: RedisServer) => async () =>
  (await (await redis.client()).info('replication')).number('connected_slaves') === 0;

describe('a snapshot taken over replication', () => {
  for (const binary of redisBinaries()) {
    for (const diskless of ['yes', 'no']) {
      it(`is whole from ${binary.label} with repl-diskless-sync ${diskless}`, async () => {
        await using redis = await startRedis({ binary: binary.path, config: { 'repl-diskless-sync': diskless } });
        await redis.command('DEBUG', 'POPULATE', `${KEYS}`, 'session', '1000');
        const { stream, facts } = await readingOf(redis.connection);
        assert.equal(stream.framing, diskless === 'yes' ? 'eof-mark' : 'length');
        assert.equal(stream.totalBytes, diskless === 'yes' ? undefined : facts.bytes);
        assert.deepEqual([facts.keys, facts.crc64, facts.parsed], [KEYS, 'valid', true]);
        const info = await (await redis.client()).info('replication');
        assert.deepEqual([stream.replid, stream.offset], [info.get('master_replid'), info.number('master_repl_offset')]);
        assert.deepEqual([facts.replid, facts.replOffset], [stream.replid, stream.offset]);
        await until(hasNoReplica(redis), { what: 'Redis has forgotten us' });
      });
    }
  }

  it('waits for the fork as long as Redis waits for other replicas', async () => {
    await using redis = await startRedis({ config: { 'repl-diskless-sync-delay': '2' } });
    const states: string[] = [];
    const { facts } = await readingOf(redis.connection, { onWaiting: (state) => states.push(state) });
    assert.equal(facts.keys, 0);
    assert.ok(states.filter((state) => state === 'waiting for Redis to begin the snapshot').length >= 2, states.join());
  });

  it('tells that Redis writes its own disk first', async () => {
    const config = { 'repl-diskless-sync': 'no', 'rdb-key-save-delay': '3000' };
    await using redis = await startRedis({ config });
    await redis.command('DEBUG', 'POPULATE', '600');
    const states: string[] = [];
    const { facts } = await readingOf(redis.connection, { onWaiting: (state) => states.push(state) });
    assert.equal(facts.keys, 600);
    assert.ok(states.includes('Redis is writing the snapshot to its own disk'), states.join());
  });

  it('is whole with megabytes of data, and holds no replica slot when it is left early', async () => {
    await using redis = await startRedis({ config: { rdbcompression: 'no' } });
    await redis.command('DEBUG', 'POPULATE', '120', 'k', '500000');
    const { facts } = await readingOf(redis.connection);
    assert.deepEqual([facts.keys, facts.crc64], [120, 'valid']);
    const left = await openRdbStream(redis.connection);
    for await (const piece of left.body) {
      assert.ok(piece.length <= 1024 * 1024);
      break;
    }
    (await openRdbStream(redis.connection)).close();
    await until(hasNoReplica(redis), { what: 'Redis has forgotten us' });
  });

  it('can be taken from a replica, and has the replication id of its primary', async () => {
    await using primary = await startRedis();
    await primary.command('DEBUG', 'POPULATE', `${KEYS}`);
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
    const client = await replica.client();
    await until(async () => (await client.info('replication')).get('master_link_status') === 'up', { what: 'the link is up' });
    const { stream, facts } = await readingOf(replica.connection);
    assert.equal(facts.keys, KEYS);
    assert.equal(stream.replid, (await (await primary.client()).info('replication')).get('master_replid'));
  });

  describe('is refused in words that say what to do:', () => {
    it('a replica that has lost its primary', async () => {
      await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${await freePort()}` } });
      await assert.rejects(openRdbStream(replica.connection), { code: 'REDIS_NOT_READY', next: /use the primary/ });
    });

    it('a Redis that is loading', async () => {
      await using redis = await startLoading();
      await assert.rejects(openRdbStream(redis.connection), { code: 'REDIS_NOT_READY', next: /until it has loaded/ });
    });

    it('nobody there', async () => {
      const connection = { host: '127.0.0.1', port: await freePort() };
      await assert.rejects(openRdbStream(connection), { code: 'REDIS_UNREACHABLE', next: /Nothing listens there/ });
    });

    it('a missing or wrong password, which is never repeated', async () => {
      await using redis = await startRedis({ password: 'correct-horse' });
      const { password: _, ...without } = redis.connection;
      await assert.rejects(openRdbStream(without), { code: 'REDIS_AUTH_FAILED', message: /NOAUTH/ });
      const wrong = openRdbStream({ ...without, password: 'battery-staple' });
      await assert.rejects(wrong, (error: Error & { code?: string }) => {
        assert.equal(error.code, 'REDIS_AUTH_FAILED');
        assert.equal(/battery|staple/.test(`${error.message} ${error.stack} ${JSON.stringify(error)}`), false);
        return true;
      });
      assert.equal((await readingOf(redis.connection)).facts.keys, 0);
    });

    it('a user who may not PSYNC', async () => {
      await using redis = await startRedis({ users: { backup: 'on >secret +ping +replconf +info' } });
      const connection = { ...redis.connection, username: 'backup', password: 'secret' };
      await assert.rejects(openRdbStream(connection), {
        code: 'REDIS_PERMISSION_DENIED',
        next: 'Give the user this permission: ACL SETUSER backup +psync',
      });
    });
  });

  describe('is not taken for whole', () => {
    /** 100 MB that nobody reads to the end: far more than the buffers between the processes. */
    const large = async () => {
      const redis = await startRedis({ config: { rdbcompression: 'no' } });
      await redis.command('DEBUG', 'POPULATE', '200', 'k', '500000');
      const { body } = await openRdbStream(redis.connection);
      const reading = body[Symbol.asyncIterator]();
      await reading.next();
      const rest = async () => {
        for (let next = await reading.next(); !next.done; next = await reading.next());
      };
      return { redis, rest };
    };

    it('when Redis is killed in the middle', async () => {
      const { redis, rest } = await large();
      await using _ = redis;
      await redis.kill('SIGKILL');
      await assert.rejects(rest(), { code: 'REPLICATION_INTERRUPTED', next: /Take the backup again/ });
    });

    it('when only its child is killed, and the connection is closed in peace', async () => {
      const { redis, rest } = await large();
      await using _ = redis;
      const [child] = readFileSync(`/proc/${redis.pid}/task/${redis.pid}/children`, 'utf8').trim().split(' ');
      process.kill(Number(child), 'SIGKILL');
      await assert.rejects(rest(), { code: 'REPLICATION_INTERRUPTED' });
      assert.equal(redis.isRunning(), true);
    });
  });

  describe('over TLS', () => {
    it('is whole, and a client certificate is shown where one is asked for', async () => {
      await using redis = await startRedis({ tls: 'mutual', password: 'secret', config: { rdbcompression: 'no' } });
      await redis.command('DEBUG', 'POPULATE', '40', 'k', '500000');
      assert.deepEqual((await readingOf(redis.connection)).facts.keys, 40);
      const { tls, ...rest } = redis.connection;
      const withoutCertificate = openRdbStream({ ...rest, tls: { ca: tls?.ca } });
      await assert.rejects(withoutCertificate, { message: /^rediss:/ });
    });

    it('is refused by a server whose certificate nobody here knows', async () => {
      await using redis = await startRedis({ tls: 'server' });
      const { tls: _, ...rest } = redis.connection;
      await assert.rejects(openRdbStream({ ...rest, tls: {} }), { code: 'REDIS_UNREACHABLE', next: /TLS failed/ });
      assert.equal((await readingOf({ ...rest, tls: { rejectUnauthorized: false } })).facts.keys, 0);
    });
  });
});
