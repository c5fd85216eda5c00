import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Repository } from '../../../repository/repository.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { database, key, text } from '../../support/rdb-bytes.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { filled, goodRdb, WITH_LOG } from '../support/ailing-redis.ts';
import { type AssessedOptions, actsOf, assess, is } from '../support/assessed.ts';

/** As if there were one backup with so many keys. */
function withBackup(keys: number): Pick<AssessedOptions, 'repository'> {
  const sample = sampleManifest();
  const manifest = { ...sample, reason: 'scheduled', rdb: { ...sample.rdb, keys, parsed: true } };
  return { repository: async () => ({ snapshots: () => ({ list: async () => [manifest] }) }) as unknown as Repository };
}

describe('An assessment of a Redis with a log in several files', function () {
  this.timeout(30_000);

  for (const { path, label } of redisBinaries().filter((binary) => isAtLeast(binary, 7))) {
    describe(`${label}`, () => {
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
});
