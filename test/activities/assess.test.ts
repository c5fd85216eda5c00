import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { delimiter, dirname, join } from 'node:path';
import type { FailureClass } from '../../model/failure-class.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import type { Repository } from '../../repository/repository.ts';
import { writeFakeSystemctl } from '../platforms/support/fake-systemctl.ts';
import { sampleManifest } from '../repository/sample-manifest.ts';
import { aux, byte, database, key, moduleId, rdb, text } from '../support/rdb-bytes.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { freePort, type RedisOptions, type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { type Assessed, type AssessedOptions, assess } from './support/assessed.ts';

const WITH_LOG = { appendonly: 'yes' };
const MULTI_PART = redisBinaries().filter((binary) => isAtLeast(binary, 7));

/** The class, with all that was seen in the message of a failure. */
function is({ assessment, place }: Assessed, failure: FailureClass, ...evidence: RegExp[]): void {
  assert.equal(assessment.failure, failure, JSON.stringify({ assessment, place }, undefined, 1));
  for (const pattern of evidence) assert.match(assessment.evidence.join('\n'), pattern);
}
const actsOf = ({ assessment }: Assessed): string[] => assessment.acts.map(({ act, ask }) => (ask ? `${act}?` : act));

/** A Redis that ends by itself as it starts. */
async function endsAtStart(options: RedisOptions): Promise<RedisServer> {
  const redis = await startRedis({ ...options, until: 'started' });
  await redis.exited();
  return redis;
}

async function filled(redis: RedisServer, keys = 50): Promise<void> {
  for (let n = 0; n < keys; n++) await redis.command('SET', `session:${n}`, 'x'.repeat(50));
}

const goodRdb = (records: Buffer[] = [database(0), key(0, 'a', text('b'))]): Buffer =>
  rdb('REDIS0009', [aux('redis-ver', '6.2.0'), ...records]);

/** As if there were one backup with so many keys. */
function withBackup(keys: number): Pick<AssessedOptions, 'repository'> {
  const sample = sampleManifest();
  const manifest = { ...sample, reason: 'scheduled', rdb: { ...sample.rdb, keys, parsed: true } };
  return { repository: async () => ({ list: async () => [manifest] }) as unknown as Repository };
}

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
        assert.equal(seen.assessment.platform?.pid, redis.pid);
        assert.ok(Math.abs(Date.parse(seen.place?.server.since ?? '') - Date.now()) < 20_000);
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
        assert.equal(seen.assessment.acts[1]?.ask?.otherwise, 'proceed');
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
        await using replica = await startRedis({ binary: path });
        await filled(replica, 4);
        const seen = await assess(redis, { settings: { replicas: [`127.0.0.1:${replica.port}`] } });
        is(seen, 'empty', /has 4 keys/);
        assert.deepEqual(actsOf(seen), []);
        assert.deepEqual(seen.assessment.replicas, [{ address: `127.0.0.1:${replica.port}`, keys: 4 }]);
      });
    });
  }

  for (const { path, label } of MULTI_PART) {
    describe(`with a log in several files, ${label}`, () => {
      it('never lets an increment be cut that is not the last', async () => {
        await using redis = await startRedis({ binary: path, config: WITH_LOG });
        await filled(redis);
        await redis.kill('SIGKILL');
        const directory = join(redis.dir, 'appendonlydir');
        const manifest = join(directory, 'appendonly.aof.manifest');
        writeFileSync(join(directory, 'appendonly.aof.2.incr.aof'), '');
        appendFileSync(manifest, 'file appendonly.aof.2.incr.aof seq 2 type i\n');
        truncateSync(join(directory, 'appendonly.aof.1.incr.aof'), 501);
        await redis.restart('started');
        await redis.exited();
        const seen = await assess(redis);
        is(seen, 'aof-damaged', /not the last file/);
        assert.deepEqual(actsOf(seen), ['set-aside', 'start-empty']);
      });

      it('sees a log that is no log in its middle', async () => {
        await using redis = await startRedis({ binary: path, config: WITH_LOG });
        await filled(redis);
        await redis.kill('SIGKILL');
        const incr = join(redis.dir, 'appendonlydir/appendonly.aof.1.incr.aof');
        const bytes = readFileSync(incr);
        bytes.fill('#', 200, 230);
        writeFileSync(incr, bytes);
        await redis.restart('started');
        await redis.exited();
        is(await assess(redis), 'aof-damaged', /Bad file format/);
      });

      it('takes a damaged base for a damaged log', async () => {
        await using redis = await startRedis({ binary: path, config: WITH_LOG });
        await redis.kill('SIGKILL');
        const base = readdirSync(join(redis.dir, 'appendonlydir')).find((name) => name.includes('base')) ?? '';
        truncateSync(join(redis.dir, 'appendonlydir', base), 40);
        await redis.restart('started');
        await redis.exited();
        is(await assess(redis), 'aof-damaged', /base of its log/);
      });

      it('sees a lost manifest before a start writes over the files, and makes it again', async () => {
        await using redis = await startRedis({ binary: path, config: WITH_LOG });
        await filled(redis);
        await redis.kill('SIGKILL');
        rmSync(join(redis.dir, 'appendonlydir/appendonly.aof.manifest'));
        const seen = await assess(redis);
        is(seen, 'aof-manifest-lost', /no manifest/);
        assert.deepEqual(actsOf(seen), ['set-aside', 'rebuild-manifest', 'restart']);
      });

      it('sees a manifest that says nothing', async () => {
        await using redis = await startRedis({ binary: path, config: WITH_LOG });
        await filled(redis);
        await redis.kill('SIGKILL');
        writeFileSync(join(redis.dir, 'appendonlydir/appendonly.aof.manifest'), '');
        await redis.restart('started');
        await redis.exited();
        is(await assess(redis), 'aof-manifest-lost', /empty AOF manifest/);
      });

      it('sees the files that a Redis has ignored, and asks before what came since is lost', async () => {
        await using redis = await startRedis({ binary: path, config: WITH_LOG });
        await filled(redis);
        await redis.command('BGREWRITEAOF');
        await until(() => existsSync(join(redis.dir, 'appendonlydir/appendonly.aof.2.base.rdb')), { what: 'it is rewritten' });
        await redis.kill('SIGKILL');
        rmSync(join(redis.dir, 'appendonlydir/appendonly.aof.manifest'));
        await redis.restart();
        const seen = await assess(redis);
        is(seen, 'aof-manifest-lost', /not in its manifest/, /no key/);
        assert.deepEqual(actsOf(seen), ['set-aside', 'rebuild-manifest', 'restart']);
        await filled(redis, 2);
        const later = await assess(redis, withBackup(1000));
        is(later, 'aof-manifest-lost');
        assert.deepEqual(actsOf(later), ['network-snapshot', 'set-aside', 'rebuild-manifest?', 'restart?']);
      });

      it('sees that dump.rdb was ignored, and keeps it before it is written over', async () => {
        const records = Array.from({ length: 40 }, (_, n) => key(0, `session:${n}`, text('value')));
        await using redis = await startRedis({
          binary: path,
          config: WITH_LOG,
          seed: { 'dump.rdb': goodRdb([database(0), ...records]) },
        });
        const seen = await assess(redis);
        is(seen, 'rdb-ignored', /ignored its dump.rdb/);
        assert.deepEqual(actsOf(seen), ['set-aside']);
        await redis.kill('SIGKILL');
        rmSync(join(redis.dir, 'appendonlydir'), { recursive: true });
        const dead = await assess(redis);
        is(dead, 'dead', /has only a dump.rdb/);
        assert.deepEqual(actsOf(dead), ['set-aside', 'restart']);
      });
    });
  }

  describe('in other states', () => {
    it('waits for one that loads', async () => {
      await using source = await startRedis();
      await source.command('DEBUG', 'POPULATE', '20000');
      await source.command('SAVE');
      const config = { 'key-load-delay': '200', 'loading-process-events-interval-bytes': '1024' };
      const seed = { 'dump.rdb': { from: join(source.dir, 'dump.rdb') } };
      await using redis = await startRedis({ config, seed, until: 'connected' });
      const seen = await assess(redis);
      is(seen, 'loading', /has loaded \d+ %/);
      assert.deepEqual(actsOf(seen), ['await-load']);
    });

    it('waits for one that loads and serves no connection meanwhile', async () => {
      await using source = await startRedis();
      await source.command('DEBUG', 'POPULATE', '20000');
      await source.command('SAVE');
      const seed = { 'dump.rdb': { from: join(source.dir, 'dump.rdb') } };
      await using redis = await startRedis({ config: { 'key-load-delay': '1000' }, seed, until: 'started' });
      await until(() => redis.log().includes('Loading RDB'), { what: 'it loads' });
      is(await assess(redis), 'loading', /silent at times/);
    });

    it('asks before it restarts one that answers nobody', async () => {
      await using redis = await startRedis();
      await redis.kill('SIGSTOP');
      const seen = await assess(redis);
      is(seen, 'silent', /Neither/);
      assert.deepEqual(actsOf(seen), ['restart?']);
      assert.ok(seen.tookMs[0] < 4000 && seen.tookMs[1] < 6000, `took ${seen.tookMs}`);
      await redis.kill('SIGCONT');
    });

    it('asks before it ends a script', async () => {
      await using redis = await startRedis({ config: { 'busy-reply-threshold': '50' } });
      const running = redis.command('EVAL', 'while true do end', '0').catch(() => undefined);
      const seen = await assess(redis);
      is(seen, 'script-busy', /BUSY/);
      assert.deepEqual(actsOf(seen), ['kill-script?']);
      using client = await redis.client();
      await client.command('SCRIPT', 'KILL');
      await running;
    });

    it('touches none that is full of clients, full of data, or wants another password', async () => {
      await using redis = await startRedis({ password: 'right' });
      await redis.command('CONFIG', 'SET', 'maxmemory', '100kb');
      const full = await assess(redis);
      is(full, 'memory-full', /noeviction/);
      is(await assess(redis, { connection: { password: 'wrong' } }), 'password-refused', /WRONGPASS/);
      await redis.command('CONFIG', 'SET', 'maxclients', '1');
      const crowded = await assess(redis);
      is(crowded, 'clients-full', /max number of clients/);
      assert.deepEqual([actsOf(full), actsOf(crowded)], [[], []]);
      assert.doesNotMatch(JSON.stringify([full, crowded]), /right\b.*pass|"password"/);
    });

    it('asks before it makes a primary of a replica, and never while its primary is alive', async () => {
      await using primary = await startRedis();
      await using redis = await startRedis({ config: { replicaof: `127.0.0.1 ${primary.port}` } });
      const rightly = await assess(redis);
      is(rightly, 'read-only');
      assert.deepEqual(actsOf(rightly), []);
      await primary.kill('SIGKILL');
      const orphan = await assess(redis);
      is(orphan, 'read-only', /nothing listens/);
      assert.deepEqual(actsOf(orphan), ['make-primary?']);
    });

    it('sees that it cannot save', async () => {
      await using redis = await startRedis({ config: { save: '3600 1' } });
      await redis.command('SET', 'a', 'b');
      rmSync(redis.dir, { recursive: true });
      await redis.command('BGSAVE').catch(() => undefined);
      await until(async () => (await redis.command('SET', 'a', 'b').catch(String)) !== 'OK', { what: 'MISCONF' });
      const seen = await assess(redis);
      is(seen, 'save-failing', /MISCONF/);
      assert.deepEqual(actsOf(seen), []);
    });

    it('sees a full disk, of a living Redis and of one that cannot start', async function () {
      await using redis = await startRedis({ config: WITH_LOG });
      await redis.stop();
      rmSync(redis.dir, { recursive: true });
      mkdirSync(redis.dir);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'redis-backup-test', redis.dir], { stdio: 'ignore' });
      } catch {
        this.skip(); // not root
      }
      try {
        await redis.restart();
        const big = 'x'.repeat(100_000);
        await until(async () => (await redis.command('APPEND', 'a', big).then(() => 'OK', String)) !== 'OK', { what: 'MISCONF' });
        const seen = await assess(redis);
        is(seen, 'disk-full', /No space left/);
        assert.match(seen.assessment.advice.join(), /over the network/);
        await redis.kill('SIGKILL');
        rmSync(join(redis.dir, 'appendonlydir'), { recursive: true });
        writeFileSync(join(redis.dir, 'filler'), '');
        assert.throws(() => writeFileSync(join(redis.dir, 'filler'), Buffer.alloc(2 << 20)), { code: 'ENOSPC' });
        await redis.restart('started');
        await redis.exited();
        const down = await assess(redis);
        is(down, 'disk-full', /No space left/);
        assert.deepEqual(actsOf(down), []);
      } finally {
        await redis.kill('SIGKILL');
        execFileSync('umount', [redis.dir]);
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
      const place = (await assess(redis)).place;
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
      const settings = { replicas: [`127.0.0.1:${replica.port}`] };
      const seen = await assess(redis, { settings });
      assert.deepEqual(actsOf(seen), ['promote-replica?', 'detach-replicas', 'set-aside', 'start-empty']);
      rmSync(join(redis.dir, 'dump.rdb'));
      await redis.restart();
      await redis.kill('SIGKILL');
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
});
