import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBaseDamage, matchesItsChecksum } from '../../../redis/aof/base.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const LOG = { appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };

describe('The RDB that a start loads first', function () {
  this.timeout(60_000);

  const saved = async (binary: Parameters<typeof startRedis>[0] = {}, config: Record<string, string> = {}) => {
    const redis = await startRedis({ ...binary, config: { appendonly: 'yes', ...config } });
    await redis.command('DEBUG', 'POPULATE', '500', 'key', '50');
    await redis.command('SAVE');
    await redis.command('BGREWRITEAOF');
    const isOver = async () => /aof_rewrite_in_progress:0/.test(String(await redis.command('INFO', 'persistence')));
    await until(isOver, { what: 'the log is rewritten', seconds: 60 });
    await redis.kill('SIGKILL');
    return redis;
  };
  const flip = (path: string) => {
    const bytes = readFileSync(path);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  };

  for (const { path, label } of redisBinaries())
    it(`is whole as ${label} leaves it, and damaged when one bit is another, or its end is gone`, async () => {
      await using redis = await saved({ binary: path });
      const { dir } = redis;
      const place = { dir, ...LOG };
      assert.equal(await findBaseDamage(place), undefined);
      const isSingle = !isAtLeast(redis.binary, 7);
      const directory = join(dir, LOG.appenddirname);
      const base = isSingle
        ? join(dir, LOG.appendfilename)
        : join(directory, readdirSync(directory).find((name) => name.endsWith('.base.rdb')) ?? '');
      const dump = join(dir, 'dump.rdb');
      const size = () => readFileSync(dump).length;
      assert.equal(await matchesItsChecksum(dump, size()), true);
      flip(dump);
      assert.equal(await matchesItsChecksum(dump, size()), false);
      truncateSync(dump, size() >> 1);
      assert.equal(await matchesItsChecksum(dump, size()), false);
      if (isSingle) return; // where its RDB ends cannot be told of every damaged one
      flip(base);
      const damage = await findBaseDamage(place);
      assert.deepEqual([damage?.kind, damage?.where, damage?.usableBytes], ['checksum', 'middle', 0]);
    });

  it('is none to judge by where it was saved without a checksum, or has no byte', async () => {
    await using redis = await saved({}, { rdbchecksum: 'no' });
    const dump = join(redis.dir, 'dump.rdb');
    flip(dump);
    assert.equal(await matchesItsChecksum(dump, readFileSync(dump).length), undefined);
    assert.equal(await findBaseDamage({ dir: redis.dir, ...LOG }), undefined);
    writeFileSync(dump, '');
    assert.equal(await matchesItsChecksum(dump, 0), undefined);
  });
});
