import assert from 'node:assert/strict';
import { compareFunctions, functionLibraries, mergeFunctions } from '../../../redis/merge/functions.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';

const library = (name: string, answer: string) =>
  `#!lua name=${name}\nredis.register_function('of_${name}', function() return '${answer}' end)`;

for (const { path, label, version } of redisBinaries()) {
  const hasFunctions = Number.parseInt(version, 10) >= 7;
  describe(`function libraries of a copy under ${label}`, () => {
    it(hasFunctions ? 'are loaded where they are missing, and a newer one of the same name stays' : 'are none', async () => {
      await using source = await startRedis({ binary: path });
      await using target = await startRedis({ binary: path });
      const [from, to] = [await source.client(), await target.client()];
      if (!hasFunctions) return assert.deepEqual(await functionLibraries(from), []);
      for (const name of ['carts', 'limits']) await source.command('FUNCTION', 'LOAD', library(name, 'old'));
      await target.command('FUNCTION', 'LOAD', library('limits', 'new'));
      assert.deepEqual(await compareFunctions({ from, to }), { name: 'functions', alive: 2, there: 1 });
      const merged = await mergeFunctions({ from, to });
      assert.deepEqual([merged.restored, merged.kept, merged.failed], [1, 1, 0]);
      assert.equal(await target.command('FCALL', 'of_carts', '0'), 'old');
      assert.equal(await target.command('FCALL', 'of_limits', '0'), 'new');
      assert.deepEqual((await mergeFunctions({ from, to })).kept, 2, 'and again');
    });

    if (!hasFunctions) return;
    it('cannot be told where FUNCTION is disabled, and are not none', async () => {
      await using redis = await startRedis({ binary: path, config: { 'rename-command': 'FUNCTION ""' } });
      await assert.rejects(functionLibraries(await redis.client()), { code: 'REDIS_REFUSED', message: /unknown command/ });
    });

    it('that a living Redis refuses are named with its reason', async () => {
      await using source = await startRedis({ binary: path });
      await using target = await startRedis({ binary: path });
      const [from, to] = [await source.client(), await target.client()];
      await source.command('FUNCTION', 'LOAD', library('carts', 'old'));
      const clash = library('others', 'new').replace('of_others', 'of_carts');
      await target.command('FUNCTION', 'LOAD', clash);
      const { failed, reasons } = await mergeFunctions({ from, to });
      assert.deepEqual([failed, reasons.length], [1, 1]);
      assert.match(reasons[0]?.reason ?? '', /^library carts: .*of_carts already exists/);
    });
  });
}
