import assert from 'node:assert/strict';
import { MINIMUM_ACL } from '../../../redis/acl.ts';
import { openFollower } from '../../../redis/replication/follow.ts';
import { readRdb } from '../../support/read-rdb.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { type Recording, record, replOffset, untilCaughtUp } from '../support/recording.ts';
import { startLoading } from '../support/start-loading.ts';

const resumeAt = ({ follower, offset }: Recording) => ({ replid: follower.replid, offset });

async function writeSome(redis: RedisServer, from: number, count: number, bytes = 100): Promise<void> {
  for (let n = from; n < from + count; n++) await redis.command('SET', `key:${n}`, `${n}`.padEnd(bytes, '.'));
}

describe('following the replication stream', () => {
  for (const binary of redisBinaries()) {
    describe(`of ${binary.label}`, () => {
      for (const diskless of ['yes', 'no']) {
        it(`gives the snapshot and every byte behind it, with repl-diskless-sync ${diskless}`, async () => {
          await using redis = await startRedis({ binary: binary.path, config: { 'repl-diskless-sync': diskless } });
          await writeSome(redis, 0, 50);
          const follower = await openFollower(redis.connection);
          assert.ok(follower.kind === 'full');
          assert.equal(follower.rdb.framing, diskless === 'yes' ? 'eof-mark' : 'length');
          await writeSome(redis, 50, 50); // while the snapshot is on its way
          const recording = await record(follower);
          await writeSome(redis, 100, 50);
          await untilCaughtUp(redis, recording);
          const { facts } = readRdb(recording.rdb as Buffer);
          assert.deepEqual(
            [facts.keys, facts.crc64, facts.replid, facts.replOffset],
            [50, 'valid', follower.replid, recording.from],
          );
          const stream = recording.bytes().toString('latin1');
          for (const n of [50, 99, 100, 149]) assert.ok(stream.includes(`\r\nkey:${n}\r\n`), `key:${n}`);
          assert.equal(stream.includes('\r\nkey:49\r\n'), false);
          follower.close();
          assert.equal(await recording.ended, undefined);
        });
      }

      it('goes on at the next byte after a connection that was lost', async () => {
        await using redis = await startRedis({ binary: binary.path });
        const first = await record(await openFollower(redis.connection));
        await writeSome(redis, 0, 20);
        await untilCaughtUp(redis, first);
        await redis.command('CLIENT', 'KILL', 'TYPE', 'replica');
        assert.equal(((await first.ended) as { code?: string }).code, 'REPLICATION_INTERRUPTED');
        await writeSome(redis, 20, 20);
        const follower = await openFollower(redis.connection, { resume: resumeAt(first) });
        assert.deepEqual([follower.kind, follower.replid, follower.offset], ['continued', first.follower.replid, first.offset]);
        assert.equal('previousReplid' in follower, false);
        const second = await record(follower);
        await untilCaughtUp(redis, second);
        assert.match(second.bytes().toString('latin1'), /^\*3\r\n\$3\r\nSET\r\n\$6\r\nkey:20\r\n/);
        follower.close();
      });

      it('begins anew with a snapshot where the backlog has no longer what is missing', async () => {
        await using redis = await startRedis({ binary: binary.path, config: { 'repl-backlog-size': '16kb' } });
        const first = await record(await openFollower(redis.connection));
        await untilCaughtUp(redis, first);
        first.follower.close();
        await writeSome(redis, 0, 40, 20_000); // Redis 7 keeps its backlog in blocks of 16 KiB and more
        const follower = await openFollower(redis.connection, { resume: resumeAt(first) });
        assert.deepEqual([follower.kind, follower.offset > first.offset], ['full', true]);
        follower.close();
      });

      it('goes on under the new id of a replica that was promoted', async () => {
        await using primary = await startRedis({ binary: binary.path });
        await using replica = await startRedis({ binary: binary.path, config: { replicaof: `127.0.0.1 ${primary.port}` } });
        const link = async () => (await (await replica.client()).info('replication')).get('master_link_status') === 'up';
        await until(link, { what: 'the link is up' });
        const first = await record(await openFollower(primary.connection));
        await writeSome(primary, 0, 20);
        await untilCaughtUp(primary, first);
        await untilCaughtUp(replica, first);
        await primary.kill('SIGKILL');
        await first.ended;
        await replica.command('REPLICAOF', 'NO', 'ONE');
        await writeSome(replica, 20, 20);
        const follower = await openFollower(replica.connection, { resume: resumeAt(first) });
        assert.ok(follower.kind === 'continued');
        const info = await (await replica.client()).info('replication');
        assert.deepEqual(
          [follower.previousReplid, follower.replid, follower.offset],
          [first.follower.replid, info.get('master_replid'), first.offset],
        );
        const second = await record(follower);
        await untilCaughtUp(replica, second);
        follower.close();
      });

      it('lets WAIT return only for what was acknowledged', async () => {
        await using redis = await startRedis({ binary: binary.path });
        const recording = await record(await openFollower(redis.connection));
        await writeSome(redis, 0, 5);
        await untilCaughtUp(redis, recording);
        assert.equal(await redis.command('WAIT', '1', '30'), 0);
        await untilCaughtUp(redis, recording); // WAIT has asked with GETACK, which is part of the stream
        const waiting = redis.command('WAIT', '1', '5000');
        recording.follower.acknowledge(recording.offset);
        assert.equal(await waiting, 1);
        assert.throws(() => recording.follower.acknowledge(recording.offset + 1), { code: 'INTERNAL' });
        recording.follower.close();
      });

      if (isAtLeast(binary, 7)) {
        it('keeps a SHUTDOWN waiting until everything is acknowledged', async () => {
          await using redis = await startRedis({ binary: binary.path, config: { 'shutdown-timeout': '20' } });
          const recording = await record(await openFollower(redis.connection));
          await writeSome(redis, 0, 5);
          process.kill(redis.pid, 'SIGTERM');
          await until(() => recording.bytes().includes('GETACK'), { what: 'Redis asks for an acknowledgement' });
          assert.equal(redis.isRunning(), true);
          recording.follower.acknowledge(recording.offset);
          assert.equal(await redis.exited(), 0);
          assert.match(`${await recording.ended}`, /REPLICATION_INTERRUPTED|replication stream/);
          assert.doesNotMatch(redis.log(), /lagging replicas/);
        });
      }
    });
  }

  it('needs no permission beyond its minimum', async () => {
    await using redis = await startRedis({ users: { archive: `on >secret ${MINIMUM_ACL.archive.join(' ')}` } });
    const recording = await record(
      await openFollower({ ...redis.connection, username: 'archive', password: 'secret' }, { product: 'redis' }),
    );
    await writeSome(redis, 0, 5);
    await untilCaughtUp(redis, recording);
    recording.follower.close();
  });

  it('works over TLS', async () => {
    await using redis = await startRedis({ tls: 'mutual', password: 'secret' });
    const recording = await record(await openFollower(redis.connection));
    await writeSome(redis, 0, 50, 10_000);
    await untilCaughtUp(redis, recording);
    recording.follower.close();
  });

  it('is refused with a wrong password, which is not repeated', async () => {
    await using redis = await startRedis({ password: 'correct-horse' });
    const wrong = openFollower({ ...redis.connection, password: 'battery-staple' });
    await assert.rejects(wrong, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'REDIS_AUTH_FAILED');
      assert.equal(/battery|staple/.test(`${error.message} ${error.stack} ${JSON.stringify(error)}`), false);
      return true;
    });
  });

  it('is refused by a Redis that is loading', async () => {
    await using redis = await startLoading();
    await assert.rejects(openFollower(redis.connection), { code: 'REDIS_NOT_READY', message: /LOADING/ });
  });

  it('lets Redis hold what a reader who stalls has not taken, and misses none of it', async () => {
    await using redis = await startRedis({ config: { 'client-output-buffer-limit': 'replica 0 0 0' } });
    const follower = await openFollower(redis.connection);
    assert.ok(follower.kind === 'full');
    for await (const _ of follower.rdb.body);
    const stream = follower.stream();
    await redis.command('SET', 'first', '1');
    let offset = follower.offset + ((await stream.next()).value as Buffer).length;
    await writeSome(redis, 0, 64, 1024 * 1024);
    const held = async () => {
      const clients = String(await redis.command('CLIENT', 'LIST')).split('\n');
      const replica = clients.find((line) => line.includes(' flags=S '));
      return Number(/ omem=(\d+) /.exec(replica ?? '')?.[1]);
    };
    assert.ok((await held()) > 32 * 1024 * 1024, `Redis holds ${await held()} bytes only`);
    const end = await replOffset(redis);
    while (offset < end) offset += ((await stream.next()).value as Buffer).length;
    assert.equal(offset, end);
    follower.close();
  });
});
