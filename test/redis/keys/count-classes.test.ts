import assert from 'node:assert/strict';
import type { DataClass } from '../../../model/data-class.ts';
import { countClasses } from '../../../redis/keys/count-classes.ts';
import { startRedis } from '../../support/redis-server.ts';

const classOf = (name: string, pattern: string): DataClass => ({
  name,
  pattern,
  expiry: 'fixed',
  recreatable: false,
  sensitive: false,
  whenLost: '',
});

describe('the keys of each data class', () => {
  it('are counted in every database, each by the first class that matches, and bytes that are no text too', async () => {
    await using redis = await startRedis();
    const client = await redis.client();
    await redis.command('DEBUG', 'POPULATE', '2500', 'cache', '10');
    await client.batch([
      ['SET', Buffer.from('session:\xff\x00', 'latin1'), '1'],
      ['SET', 'session:vip:1', '1'],
      ['SELECT', '5'],
      ['SET', 'session:2', '1'],
      ['SET', 'unknown', '1'],
    ]);
    const classes = [classOf('vip', 'session:vip:*'), classOf('sessions', 'session:*'), classOf('cache', 'cache:*')];
    const seen: number[] = [];
    assert.deepEqual(await countClasses(client, classes, { onProgress: (keys) => seen.push(keys) }), [
      { name: 'vip', keys: 1 },
      { name: 'sessions', keys: 2 },
      { name: 'cache', keys: 2500 },
      { name: 'other', keys: 1 },
    ]);
    assert.equal(seen.at(-1), 2504);
    assert.match(String(await client.command('CLIENT', 'LIST')), / db=0 /);
  });

  it('are not counted on when that is no longer wanted', async () => {
    await using redis = await startRedis();
    await redis.command('SET', 'a', '1');
    await assert.rejects(countClasses(await redis.client(), [], { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
});
