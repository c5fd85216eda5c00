import assert from 'node:assert/strict';
import { DEFAULT_DATA_CLASSES } from '../../../model/data-class.ts';
import { compareKeys } from '../../../redis/merge/missing-keys.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const fieldOf = async (redis: RedisServer, section: string, field: string): Promise<number> =>
  Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(String(await redis.command('INFO', section)))?.[1]);

for (const { path, label } of redisBinaries()) {
  describe(`keys of a copy under ${label}`, () => {
    it('are counted as there or missing, by database and class, without a lookup that others would see', async () => {
      await using source = await startRedis({ binary: path });
      await using target = await startRedis({ binary: path });
      const [from, to] = [await source.client(), await target.client()];
      for (const client of [from, to]) {
        await client.batch([
          ['SET', 'session:both', '1'],
          ['SET', 'perm:both', '1'],
        ]);
      }
      await from.batch([
        ['SET', 'session:a', '1'],
        ['SET', 'session:gone', '1', 'PX', '1'],
        ['SELECT', '3'],
        ['SET', 'session:in3', '1'],
        ['SET', 'unclassified', '1'],
        ['SELECT', '0'],
      ]);
      await to.command('SET', 'session:in3', 'in another database');
      await until(async () => (await from.command('EXISTS', 'session:gone')) === 0, { what: 'it has expired' });
      const hits = await fieldOf(target, 'stats', 'keyspace_misses');
      const { classes } = await compareKeys({ from, to, classes: DEFAULT_DATA_CLASSES, wanted: ['sessions', 'other'] });
      assert.deepEqual(classes, [
        { name: 'sessions', alive: 3, there: 1 },
        { name: 'other', alive: 1, there: 0 },
      ]);
      assert.equal(await fieldOf(target, 'stats', 'keyspace_misses'), hits);
    });

    it('take as much memory as was measured, tables and all, and not much less', async () => {
      await using source = await startRedis({ binary: path });
      await using target = await startRedis({ binary: path });
      const [from, to] = [await source.client(), await target.client()];
      const fill = "for i=1,20000 do redis.call('SET', 'session:'..i, string.rep('x', 300), 'EX', 90000) end";
      await from.command('EVAL', fill, '0');
      const before = await fieldOf(target, 'memory', 'used_memory');
      const { memoryBytes } = await compareKeys({ from, to, classes: DEFAULT_DATA_CLASSES, wanted: ['sessions'] });
      await target.command('EVAL', fill, '0');
      const taken = (await fieldOf(target, 'memory', 'used_memory')) - before;
      assert.ok(taken <= memoryBytes && memoryBytes < 1.4 * taken, `${memoryBytes} measured, ${taken} taken`);
    });
  });
}
