import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RestoreReport } from '../../model/operations.ts';
import { House } from '../support/house.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

describe('Data that somebody has in hand', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({ redis: { config: { appendonly: 'yes' } } });
  });
  after(() => house?.close());

  const digest = async () => String(await house.ask('DEBUG', 'DIGEST'));
  const restored = async (...args: string[]) => {
    const { code, stdout, stderr } = await house.command('restore', ...args, '--yes', '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RestoreReport;
  };
  const imported = async (path: string) => {
    const { code, stdout, stderr } = await house.command('import', path, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { kind: string; backupId: string };
  };

  it('becomes a backup that can be restored: a directory of today, and the append-only file and the RDB of an old Redis', async () => {
    const old = redisBinaries().find((binary) => !isAtLeast(binary, 7));
    assert.ok(old, 'scripts/setup gets a Redis 6.2');
    for (const preamble of ['no', 'yes']) {
      await using redis = await startRedis({
        binary: old.path,
        config: { appendonly: 'yes', 'aof-use-rdb-preamble': preamble, save: '3600 1' },
      });
      await redis.command('EVAL', "for i=1,50 do redis.call('SET', 'old:'..i, i) end", '0');
      await redis.command('BGREWRITEAOF');
      await until(async () => /aof_rewrite_in_progress:0/.test(String(await redis.command('INFO', 'persistence'))), {
        what: 'the rewrite',
      });
      await redis.command('SET', 'old:last', preamble);
      await redis.command('SAVE');
      const wanted = String(await redis.command('DEBUG', 'DIGEST'));
      await redis.stop();
      const { kind, backupId } = await imported(join(redis.dir, 'appendonly.aof'));
      assert.equal(kind, 'aof');
      assert.equal((await house.repository.ownership('main').read())?.address, `127.0.0.1:${house.redis.port}`); // claimed
      await restored('--aof-backup', backupId);
      assert.equal(await digest(), wanted);
      const snapshot = await imported(join(redis.dir, 'dump.rdb'));
      assert.equal(snapshot.kind, 'snapshot');
      assert.match(
        (await house.command('list')).stdout,
        new RegExp(`^${snapshot.backupId} .+ 51 .+ 6\\.2\\.\\d+ +imported$`, 'm'),
      );
    }
    const copy = join(house.dir, 'copy');
    cpSync(join(house.redis.dir, 'appendonlydir'), copy, { recursive: true });
    const { backupId } = await imported(copy);
    const wanted = await digest();
    await house.ask('FLUSHALL');
    await restored('--aof-backup', backupId);
    assert.equal(await digest(), wanted);
  });

  it('is restored whole where a log never says its database, which is 0 then: by a restart and live', async () => {
    const path = join(house.dir, 'silent.aof');
    const names = Array.from({ length: 50 }, (_, i) => `silent:${i}`);
    writeFileSync(path, names.map((name) => `*3\r\n$3\r\nSET\r\n$${name.length}\r\n${name}\r\n$1\r\nv\r\n`).join(''));
    const { backupId } = await imported(path);
    for (const strategy of ['replace', 'live']) {
      await house.ask('FLUSHALL');
      await house.ask('SET', 'other', '1');
      await restored('--aof-backup', backupId, '--strategy', strategy);
      const keys = (await house.ask('KEYS', '*')) as unknown[];
      assert.deepEqual(keys.map(String).sort(), [...names].sort(), strategy);
    }
  });

  it('is refused by name for a command that a log must not have, and nothing is stored', async () => {
    const path = join(house.dir, 'evil.aof');
    writeFileSync(path, '*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$4\r\n/etc\r\n');
    const count = (await house.repository.aof({ instance: 'main', shard: '0' }).list()).length;
    const { code, stderr } = await house.command('import', path);
    assert.equal(code, 25);
    assert.match(stderr, /CONFIG/);
    assert.equal((await house.repository.aof({ instance: 'main', shard: '0' }).list()).length, count);
    assert.equal((await house.command('import', join(house.dir, 'backups'))).code, 2);
  });
});
