import assert from 'node:assert/strict';
import { createReadStream, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeBgsave } from '../../../redis/persistence/bgsave.ts';
import { createRdbReader } from '../../../redis/rdb/reader.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { freePort } from '../../support/temporal.ts';
import { until } from '../../support/until.ts';

async function keysIn(path: string): Promise<number> {
  const reader = createRdbReader({ classes: [], takenAtMs: Date.now() });
  for await (const chunk of createReadStream(path)) reader.write(chunk);
  return reader.end().facts.keys;
}

describe('a snapshot taken by BGSAVE', () => {
  for (const binary of redisBinaries()) {
    it(`is the data at the question, on ${binary.label}, and a later save doesn't change it`, async () => {
      await using redis = await startRedis({ binary: binary.path });
      await redis.command('DEBUG', 'POPULATE', '700');
      const client = await redis.client();
      const before = Date.now();
      const saved = await takeBgsave(client, { dir: redis.dir });
      assert.ok(saved.savedAtMs >= before - 5 && saved.savedAtMs <= Date.now() + 5, `${saved.savedAtMs - before}`);
      await redis.command('FLUSHALL');
      await redis.command('SAVE');
      assert.equal(await keysIn(saved.path), 700);
      assert.equal(await keysIn(join(redis.dir, 'dump.rdb')), 0);
      await saved.release();
      await saved.release();
      assert.deepEqual(
        readdirSync(redis.dir).filter((name) => name.startsWith('redis-backup-')),
        [],
      );
    });
  }

  it('is refused by a replica that has never had its primary, or has lost it, as a replication is', async () => {
    await using primary = await startRedis({ config: { 'repl-diskless-sync-delay': '0' } });
    await primary.command('SET', 'a', '1');
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${await freePort()}` } });
    const client = await replica.client();
    const refused = { code: 'REDIS_NOT_READY', message: /is a replica whose link to 127\.0\.0\.1:\d+ is down/ };
    await assert.rejects(takeBgsave(client, { dir: replica.dir }), refused);
    await replica.command('REPLICAOF', '127.0.0.1', String(primary.port));
    await until(async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))), {
      what: 'linked',
    });
    await (await takeBgsave(client, { dir: replica.dir })).release();
    await primary.stop();
    await until(async () => /master_link_status:down/.test(String(await replica.command('INFO', 'replication'))), {
      what: 'lost',
    });
    await assert.rejects(takeBgsave(client, { dir: replica.dir }), refused);
  });

  it('waits for a save that runs already, and then takes one of its own', async () => {
    await using redis = await startRedis({ config: { 'rdb-key-save-delay': '2000' } });
    await redis.command('DEBUG', 'POPULATE', '300');
    await redis.command('BGSAVE');
    await redis.command('SET', 'written after that save began', '1');
    const states: string[] = [];
    const client = await redis.client();
    const saved = await takeBgsave(client, { dir: redis.dir, pollMs: 20, onProgress: (state) => states.push(state) });
    assert.equal(await keysIn(saved.path), 301);
    assert.ok(states.includes('waiting for a background save to end'), states.join());
    assert.ok(
      states.some((state) => /^Redis has saved \d+ of 301 keys$/.test(state)),
      states.join(),
    );
    await saved.release();
  });

  it('fails when the child fails, and leaves no link', async () => {
    await using redis = await startRedis();
    const client = await redis.client();
    await redis.command('SET', 'a', '1');
    await redis.command('SAVE');
    await redis.command('CONFIG', 'SET', 'rdb-key-save-delay', '10000000');
    const taking = takeBgsave(client, { dir: redis.dir, pollMs: 20 });
    const failing = assert.rejects(taking, { code: 'BGSAVE_FAILED', message: /its child failed/ });
    const other = await redis.client();
    await until(async () => (await other.info('persistence')).flag('rdb_bgsave_in_progress'), { what: 'the save runs' });
    const [child] = readFileSync(`/proc/${redis.pid}/task/${redis.pid}/children`, 'utf8').trim().split(' ');
    process.kill(Number(child), 'SIGKILL');
    await failing;
    assert.deepEqual(readdirSync(redis.dir), ['dump.rdb']);
  });

  it('fails when the directory here is not the one of this Redis', async () => {
    await using redis = await startRedis();
    await using other = await startRedis();
    await other.command('SAVE');
    const client = await redis.client();
    await until(() => Date.now() % 1000 < 100, { what: 'a new second: an RDB knows its time in seconds' });
    await until(async () => Math.floor((await client.time()) / 1000) > Number(await other.command('LASTSAVE')), {
      what: 'time passes',
    });
    await assert.rejects(takeBgsave(client, { dir: other.dir }), { code: 'BGSAVE_FAILED', message: /older than the BGSAVE/ });
    await assert.rejects(takeBgsave(client, { dir: join(redis.dir, 'nowhere') }), {
      code: 'PLATFORM_UNSUPPORTED',
      next: /method `replication`/,
    });
    const empty = await mkdtemp(join(tmpdir(), 'redis-backup-bgsave-'));
    await assert.rejects(takeBgsave(client, { dir: empty }), { code: 'PLATFORM_UNSUPPORTED' });
    await rm(empty, { recursive: true });
  });

  it('removes what a worker that died more than a day ago had linked, and nothing younger', async () => {
    await using redis = await startRedis();
    const old = join(redis.dir, `redis-backup-${Date.now() - 25 * 3600 * 1000}-0badcafe.rdb`);
    const young = join(redis.dir, `redis-backup-${Date.now() - 3600 * 1000}-0badcafe.rdb`);
    for (const path of [old, young]) writeFileSync(path, '');
    const saved = await takeBgsave(await redis.client(), { dir: redis.dir });
    assert.deepEqual([existsSync(old), existsSync(young), existsSync(saved.path)], [false, true, true]);
  });

  it('ends at once when it is cancelled', async () => {
    await using redis = await startRedis({ config: { 'rdb-key-save-delay': '10000000' } });
    await redis.command('SET', 'a', '1');
    const abort = new AbortController();
    const taking = takeBgsave(await redis.client(), { dir: redis.dir, signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 100);
    await assert.rejects(taking, (error: Error) => error.message === 'enough' || error.name === 'AbortError');
  });
});
