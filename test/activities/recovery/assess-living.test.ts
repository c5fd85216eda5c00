import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedis } from '../../support/redis-server.ts';
import { skipWithout } from '../../support/skip-without.ts';
import { until } from '../../support/until.ts';
import { WITH_LOG } from '../support/ailing-redis.ts';
import { actsOf, assess, is } from '../support/assessed.ts';

describe('An assessment of a Redis that lives and does not serve', function () {
  this.timeout(30_000);

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
    await using redis = await startRedis({ password: 'the-right-word' });
    await redis.command('CONFIG', 'SET', 'maxmemory', '100kb');
    const full = await assess(redis);
    is(full, 'memory-full', /noeviction/);
    const refused = await assess(redis, { connection: { password: 'another-word' } });
    is(refused, 'password-refused', /WRONGPASS/);
    await redis.command('CONFIG', 'SET', 'maxclients', '1');
    const crowded = await assess(redis);
    is(crowded, 'clients-full', /max number of clients/);
    assert.deepEqual([actsOf(full), actsOf(crowded)], [[], []]);
    assert.doesNotMatch(JSON.stringify([full, refused, crowded]), /the-right-word|another-word/);
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
      skipWithout('mount', this);
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
});
