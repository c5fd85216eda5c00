import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { delimiter, dirname, join } from 'node:path';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { writeFakeSystemctl } from '../../platforms/support/fake-systemctl.ts';
import { byte, database, key, moduleId, rdb } from '../../support/rdb-bytes.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { freePort, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { endsAtStart, filled, goodRdb, WITH_LOG } from '../support/ailing-redis.ts';
import { actsOf, assess, is } from '../support/assessed.ts';

describe('An assessment of a real Redis', function () {
  this.timeout(30_000);

  for (const { path, label } of redisBinaries()) {
    describe(`that is ${label}`, () => {
      it('finds nothing wrong where nothing is', async () => {
        await using redis = await startRedis({ binary: path });
        await filled(redis, 3);
        const seen = await assess(redis);
        is(seen, 'healthy');
        assert.deepEqual(actsOf(seen), []);
        assert.equal(seen.assessment.server?.keys, 3);
        assert.match(seen.assessment.platform?.identity ?? '', new RegExp(`^process ${redis.pid} started at `));
        assert.ok(Math.abs(Date.parse(seen.platform?.server.since ?? '') - Date.now()) < 20_000);
      });

      it('starts one that was killed, and says what it will load', async () => {
        await using redis = await startRedis({ binary: path, config: WITH_LOG });
        await filled(redis, 3);
        await redis.kill('SIGKILL');
        const seen = await assess(redis);
        is(seen, 'dead', /killed/, /append-only log/);
        assert.deepEqual(actsOf(seen), ['restart']);
      });

      it('keeps a damaged RDB aside and starts without it, or asks where that was wanted', async () => {
        await using redis = await endsAtStart({ binary: path, seed: { 'dump.rdb': Buffer.from('REDIS0009 cut short') } });
        is(await assess(redis), 'rdb-damaged', /Short read|Internal error|Unknown|Wrong/);
        const seen = await assess(redis, { settings: { onDamage: 'ask' } });
        assert.deepEqual(actsOf(seen), ['set-aside', 'start-empty?']);
        assert.equal(seen.assessment.actions[1]?.ask?.otherwise, 'proceed');
      });

      it('sees data of a newer Redis', async () => {
        const seed = { 'dump.rdb': rdb('REDIS0099', []) };
        await using redis = await endsAtStart({ binary: path, seed });
        const seen = await assess(redis);
        is(seen, 'data-too-new', /RDB format version 99/);
        assert.deepEqual(actsOf(seen), []);
        assert.match(seen.assessment.advice.join(), /newer/);
      });

      it('sees a module that is missing, though Redis ends with code 0', async () => {
        const module = key(7, 'k', moduleId('unknownMM', 1), byte(0));
        await using redis = await endsAtStart({ binary: path, seed: { 'dump.rdb': goodRdb([database(0), module]) } });
        assert.equal(await redis.exited(), 0);
        is(await assess(redis), 'module-missing', /unknownMM/);
      });

      it('leaves its data alone where its log has a command that redis.conf disables, and names the line', async () => {
        await using redis = await startRedis({ binary: path, config: WITH_LOG });
        await filled(redis, 3);
        await redis.command('FLUSHALL');
        await filled(redis, 2);
        await redis.stop();
        appendFileSync(redis.configFile, 'rename-command FLUSHALL ""\n');
        await redis.restart('started');
        await redis.exited();
        const line = readFileSync(redis.configFile, 'utf8').split('\n').length - 1;
        const seen = await assess(redis);
        is(seen, 'log-refused', new RegExp(`FLUSHALL is disabled or renamed by line ${line} of ${redis.configFile}`));
        assert.deepEqual(actsOf(seen), []);
        assert.match(seen.assessment.advice.join(), /data is good/);
      });

      it('sees a bad configuration, also where an older log is in the way', async () => {
        await using redis = await startRedis({ binary: path });
        await redis.stop();
        appendFileSync(redis.configFile, 'no-such-directive yes\n');
        await redis.restart('started');
        await redis.exited();
        const seen = await assess(redis);
        is(seen, 'bad-configuration', /Bad directive|FATAL CONFIG|Unresolved Configuration/i);
        assert.deepEqual(actsOf(seen), []);
        assert.match(seen.assessment.changed.join(), /redis.conf was changed/);
      });

      it('sees an empty primary whose replica still has the data', async () => {
        await using redis = await startRedis({ binary: path });
        await filled(redis, 4);
        await using replica = await startRedis({ binary: path });
        await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
        await until(async () => (await replica.dbsize()) === 4, { what: 'a replica has all keys' });
        await using stranger = await startRedis({ binary: path });
        await filled(stranger, 9);
        await replica.command('REPLICAOF', 'NO', 'ONE');
        await redis.command('FLUSHALL');
        const replicas = [replica, stranger].map(({ port }) => `127.0.0.1:${port}`);
        const seen = await assess(redis, { settings: { replicas } });
        is(seen, 'empty', /has 4 keys/);
        assert.deepEqual(actsOf(seen), []);
        assert.deepEqual(
          seen.assessment.replicas.map(({ address, keys }) => [address, keys]),
          [[replicas[0], 4]],
        );
        assert.deepEqual(seen.assessment.leftAlone, [
          `${replicas[1]} is not a replica of main, it is a primary of its own: left alone.`,
        ]);
      });
    });
  }

  it('protects the replica of a killed Redis whose RDB is older, and not that of an idle one', async () => {
    for (const writes of [0, 50]) {
      await using redis = await startRedis({ config: { save: '3600 1000', 'repl-diskless-sync-delay': '0' } });
      await using replica = await startRedis({ config: { 'repl-timeout': '2' } });
      await filled(redis, 3);
      await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
      await until(async () => (await replica.dbsize()) === 3, { what: 'a replica has all keys' });
      await until(async () => (await redis.command('SAVE').catch(() => '')) === 'OK', {
        what: 'no save of the sync is under way',
      });
      for (let at = 0; at < writes; at++) await redis.command('SET', `late:${at}`, 'x');
      await until(async () => (await replica.dbsize()) === 3 + writes, { what: 'the replica has the writes' });
      await redis.kill('SIGKILL');
      const address = `127.0.0.1:${replica.port}`;
      await until(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:down'), {
        what: 'the replica misses it',
      });
      const seen = await assess(redis, { settings: { replicas: [address] } });
      is(seen, 'dead');
      assert.deepEqual(actsOf(seen), writes === 0 ? ['restart'] : ['promote-replica?', 'detach-replicas', 'restart']);
    }
  });

  it('starts none beside a former replica that somebody has promoted, without a yes', async () => {
    await using redis = await startRedis({ config: { save: '3600 1000', 'repl-diskless-sync-delay': '0' } });
    await using replica = await startRedis();
    await filled(redis, 3);
    await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
    await until(async () => (await replica.dbsize()) === 3, { what: 'a replica has all keys' });
    await until(async () => (await redis.command('SAVE').catch(() => '')) === 'OK', {
      what: 'no save of the sync is under way',
    });
    await redis.kill('SIGKILL');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await replica.command('SET', 'after:1', 'x');
    const address = `127.0.0.1:${replica.port}`;
    const seen = await assess(redis, { settings: { replicas: [address] } });
    is(seen, 'dead', /is a primary by now, with 4 keys: it serves in its place/);
    assert.deepEqual(seen.assessment.successor, { address, keys: 4 });
    assert.equal(actsOf(seen)[0], 'start-beside?');
  });

  it('names a former replica that is a primary beside a Redis that lives, first of all, and does nothing', async () => {
    await using redis = await startRedis({ config: { 'repl-diskless-sync-delay': '0' } });
    await using replica = await startRedis();
    await filled(redis, 3);
    await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
    await until(async () => (await replica.dbsize()) === 3, { what: 'a replica has all keys' });
    const address = `127.0.0.1:${replica.port}`;
    const followed = await assess(redis, { settings: { replicas: [address] } });
    assert.equal(followed.assessment.twins, undefined);
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await replica.command('SET', 'after:1', 'x');
    await redis.command('SET', 'lost:1', 'x'.repeat(1000));
    for (const withoutPlace of [false, true]) {
      const { assessment } = await assess(redis, { settings: { replicas: [address] }, withoutPlace });
      assert.equal(assessment.failure, 'healthy');
      assert.match(
        assessment.evidence[0] ?? '',
        /^Two primaries of one history: beside main \(4 keys, offset [\d,]+\) 127\.0\.0\.1:\d+, which was its replica, .* with 4 keys at offset [\d,]+: alone since offset [\d,]+, .* \(1\.\d kB\) it lacks\.$/,
      );
      assert.match(assessment.clients, /answers as a primary, too/);
      assert.match(assessment.advice[0] ?? '', /^Two primaries, main and 127/);
      assert.deepEqual([assessment.actions, assessment.twins?.map(({ keys }) => keys)], [[], [4]]);
    }
  });

  it('sees that its data directory is gone', async () => {
    await using redis = await startRedis();
    await redis.stop();
    rmSync(redis.dir, { recursive: true });
    await redis.restart('started');
    await redis.exited();
    is(await assess(redis), 'directory-unusable');
  });

  it('never says that there is nothing to load where it could not look', async () => {
    await using redis = await startRedis({ config: WITH_LOG });
    await filled(redis, 3);
    await redis.kill('SIGKILL');
    const files = join(redis.dir, 'appendonlydir');
    rmSync(files, { recursive: true });
    symlinkSync(files, files); // as a directory that only the user of Redis may enter: the tests may enter all
    const { assessment, platform } = await assess(redis);
    assert.equal(platform?.data, undefined);
    assert.match(platform?.unseen.join() ?? '', /Not known: its data directory could not be read: ELOOP/);
    assert.doesNotMatch(assessment.evidence.join(), /come up empty/);
  });

  it('sees something else at its address', async () => {
    await using redis = await startRedis();
    await redis.stop();
    const web = createServer((_, response) => response.end('hello')).listen(redis.port, '127.0.0.1');
    await once(web, 'listening');
    is(await assess(redis), 'wrong-endpoint', /HTTP/);
    web.close();
  });

  it('condemns none that only this worker cannot reach', async () => {
    await using redis = await startRedis();
    await filled(redis, 1);
    const elsewhere = { port: await freePort() };
    const place = (await assess(redis)).platform;
    const web = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
    await once(web, 'listening');
    const port = (web.address() as { port: number }).port;
    const applications = [{ kind: 'http' as const, name: 'shop', urls: [`http://127.0.0.1:${port}/health`] }];
    const byApplication = await assess(redis, { connection: elsewhere, applications, withoutPlace: true });
    is(byApplication, 'cut-off', /shop/);
    const alone = await assess(redis, { connection: elsewhere, withoutPlace: true });
    is(alone, 'unknown');
    assert.deepEqual([...actsOf(byApplication), ...actsOf(alone)], []);
    assert.ok(place);
    web.close();
  });

  it('puts replicas with data out of harm before one starts empty', async () => {
    await using redis = await endsAtStart({ seed: { 'dump.rdb': Buffer.from('GARBAGE12') } });
    await using replica = await startRedis();
    await filled(replica, 7);
    await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
    const settings = { replicas: [`127.0.0.1:${replica.port}`] };
    const seen = await assess(redis, { settings });
    assert.deepEqual(actsOf(seen), ['promote-replica?', 'detach-replicas', 'set-aside', 'start-empty']);
    rmSync(join(redis.dir, 'dump.rdb'));
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await redis.restart();
    await redis.kill('SIGKILL');
    await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
    const dead = await assess(redis, { settings });
    assert.deepEqual(actsOf(dead), ['promote-replica?', 'detach-replicas', 'restart']);
  });

  it('tells at every moment why a supervisor brings one up in vain', async () => {
    await using redis = await endsAtStart({ seed: { 'dump.rdb': Buffer.from('GARBAGE12') } });
    const home = dirname(redis.configFile);
    const path = process.env.PATH;
    await writeFakeSystemctl(home, 'redis.service', [redis.binary.path, redis.configFile]);
    process.env.PATH = `${home}${delimiter}${path}`;
    const platform = openProcessPlatform({ start: { systemd: 'redis.service' }, port: redis.port });
    try {
      await assert.rejects(platform.start(), { code: 'START_FAILED' });
      for (let round = 0; round < 12; round++) {
        const seen = await assess(redis, { platform });
        is(seen, 'rdb-damaged', /Wrong signature/);
        assert.deepEqual(actsOf(seen), ['set-aside', 'start-empty']);
      }
    } finally {
      await platform.stop();
      process.env.PATH = path;
    }
  });

  it('is done in time when the store answers nothing', async () => {
    await using redis = await startRedis();
    const seen = await assess(redis, { repository: () => new Promise(() => undefined) });
    is(seen, 'healthy', /newest backup gave no answer/);
    assert.equal(seen.assessment.backup, undefined);
    assert.ok(seen.tookMs[1] < 6000);
  });

  it('gives the same acts of the same failure the same digest', async () => {
    await using redis = await startRedis();
    await redis.kill('SIGKILL');
    const [one, two] = [await assess(redis), await assess(redis)];
    assert.match(one.assessment.digest, /^[0-9a-f]{16}$/);
    assert.equal(one.assessment.digest, two.assessment.digest);
  });
});
