import assert from 'node:assert/strict';
import type { DataClass } from '../../../model/data-class.ts';
import { MINIMUM_ACL } from '../../../redis/acl.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { countMissing } from '../../../redis/keys/look-up-keys.ts';
import { readLookups } from '../../../redis/keys/lookups.ts';
import { sampleClasses } from '../../../redis/keys/sample-classes.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const classOf = (name: string, pattern: string): DataClass => ({
  name,
  pattern,
  expiry: 'fixed',
  recreatable: false,
  sensitive: false,
  whenLost: '',
});
const CLASSES = [classOf('sessions', 'session:*'), classOf('cache', 'cache:*'), classOf('none', 'none:*')];

describe('A sample of the keys of each data class', function () {
  this.timeout(20_000);
  for (const binary of redisBinaries()) {
    it(`is near the truth on ${binary.label}, by a user with the least permissions`, async () => {
      const rules = [...MINIMUM_ACL.backup, ...MINIMUM_ACL.sessions].join(' ');
      await using redis = await startRedis({ binary: binary.path, users: { recover: `on >secret ${rules}` } });
      await redis.command('DEBUG', 'POPULATE', '60000', 'session', '5');
      await redis.command('DEBUG', 'POPULATE', '30000', 'cache', '5');
      await redis.command('SELECT', '3');
      await redis.command('DEBUG', 'POPULATE', '10000', 'session', '5');
      using client = await openRedis({ ...redis.connection, username: 'recover', password: 'secret' });
      const { classes, exact, keysLooked } = await sampleClasses(client, CLASSES);
      assert.equal(exact, false);
      assert.ok(keysLooked < 30_000, `${keysLooked} looked at`);
      const truth = [70_000, 30_000, 0, 0];
      for (const [index, { name, keys, atLeast, atMost }] of classes.entries()) {
        const real = truth[index] as number;
        assert.ok(atLeast <= keys && keys <= atMost, name);
        assert.ok(atLeast - 2000 <= real && real <= atMost + 2000, `${name}: ${atLeast} to ${atMost}, really ${real}`);
        assert.ok(Math.abs(keys - real) < 4000, `${name}: about ${keys}, really ${real}`);
      }
      const keys = ['session:1', 'session:gone'].map((key) => ({ db: 3, key: Buffer.from(key) }));
      const before = await readLookups(client);
      assert.equal(await countMissing(client, keys), 1);
      assert.deepEqual(await readLookups(client), before); // it disturbs no hit rate
      await redis.command('GET', 'session:1');
      await redis.command('GET', 'session:gone');
      assert.deepEqual(await readLookups(client), { ...before, hits: before.hits + 1, misses: before.misses + 1 });
    });
  }

  it('does not take for present what has expired and was not deleted yet', async () => {
    await using redis = await startRedis();
    const client = await redis.client();
    await redis.command('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
    await redis.command('DEBUG', 'POPULATE', '60000', 'cache', '5');
    await client.batch(
      Array.from({ length: 60_000 }, (_, i) => ['SET', `session:${i}`, '1', 'PX', i % 3 === 0 ? '3600000' : '1'] as const),
    );
    await until(async () => (await client.command('GET', 'session:59999')) === null, { what: 'they have expired' });
    const [sessions] = (await sampleClasses(client, CLASSES)).classes;
    assert.ok(sessions && sessions.atLeast <= 20_000 && 20_000 <= sessions.atMost, JSON.stringify(sessions));
    assert.ok(Math.abs(sessions.keys - 20_000) < 3000, JSON.stringify(sessions));
  });

  it('is a count where there are few keys, and nothing where there is none', async () => {
    await using redis = await startRedis();
    const client = await redis.client();
    assert.deepEqual((await sampleClasses(client, [])).classes, [{ name: 'other', keys: 0, atLeast: 0, atMost: 0 }]);
    for (const key of ['session:1', 'session:2', 'x']) await redis.command('SET', key, '1');
    const { classes, exact } = await sampleClasses(client, CLASSES);
    assert.equal(exact, true);
    assert.deepEqual(
      classes.map(({ keys, atLeast, atMost }) => [keys, atLeast, atMost]),
      [
        [2, 2, 2],
        [0, 0, 0],
        [0, 0, 0],
        [1, 1, 1],
      ],
    );
  });
});
