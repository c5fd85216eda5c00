import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { applyPolicy, comparePolicy, WANTED_POLICY } from '../../../redis/persistence/policy.ts';
import { readPersistencePolicy } from '../../../redis/server-facts.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';

describe('the persistence policy', () => {
  it('is the same with its save points in another order', () => {
    assert.deepEqual(comparePolicy({ ...WANTED_POLICY, save: '60 10000 3600 1  300 100' }), []);
    assert.deepEqual(comparePolicy({ save: '', appendonly: 'no', appendfsync: 'always' }), [
      { name: 'save', wanted: '3600 1 300 100 60 10000', actual: '' },
      { name: 'appendfsync', wanted: 'everysec', actual: 'always' },
      { name: 'appendonly', wanted: 'yes', actual: 'no' },
    ]);
    assert.deepEqual(comparePolicy(WANTED_POLICY, { ...WANTED_POLICY, save: '' }).length, 1);
  });

  for (const binary of redisBinaries()) {
    it(`is applied to a running ${binary.label}, which keeps it and its data over a crash`, async () => {
      await using redis = await startRedis({ binary: binary.path, config: { appendfsync: 'no' } });
      await redis.command('DEBUG', 'POPULATE', '3000');
      const client = await redis.client();
      const differences = comparePolicy(await readPersistencePolicy(client));
      assert.deepEqual(
        differences.map(({ name }) => name),
        ['save', 'appendfsync', 'appendonly'],
      );
      assert.deepEqual(await applyPolicy(client, differences), { changed: differences, isKept: true });
      assert.deepEqual(comparePolicy(await readPersistencePolicy(client)), []);
      await redis.kill('SIGKILL');
      await redis.restart();
      assert.equal(await redis.dbsize(), 3000);
      assert.deepEqual(comparePolicy(await readPersistencePolicy(await redis.client())), []);
      assert.deepEqual(await applyPolicy(await redis.client(), []), { changed: [], isKept: true });
    });
  }

  it('is said not to be kept, with the words of Redis, where CONFIG REWRITE is refused', async () => {
    await using redis = await startRedis();
    const client = await redis.client();
    const before = readFileSync(redis.configFile, 'utf8');
    await redis.command('ACL', 'SETUSER', 'limited', 'on', '>secret', '+info', '+config|get', '+config|set');
    await client.command('AUTH', 'limited', 'secret');
    const applied = await applyPolicy(client, comparePolicy(await readPersistencePolicy(client)));
    assert.equal(applied.isKept, false);
    assert.match(applied.notKeptBecause ?? '', /CONFIG REWRITE/);
    assert.equal(readFileSync(redis.configFile, 'utf8'), before);
  });

  it('is not called applied when the log cannot be written', async () => {
    const [binary] = redisBinaries().filter((found) => isAtLeast(found, 7));
    await using redis = await startRedis({ binary: binary?.path, config: { 'rdb-key-save-delay': '10000000' } });
    await redis.command('SET', 'a', '1');
    const client = await redis.client();
    const applying = applyPolicy(client, [{ name: 'appendonly', wanted: 'yes', actual: 'no' }], { pollMs: 20 });
    const failing = assert.rejects(applying, { code: 'CHECK_FAILED', message: /could not write its append-only file/ });
    for (let child = ''; child === ''; ) {
      child = readFileSync(`/proc/${redis.pid}/task/${redis.pid}/children`, 'utf8').trim();
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (child !== '') process.kill(Number(child.split(' ')[0]), 'SIGKILL');
    }
    await failing;
  });
});
