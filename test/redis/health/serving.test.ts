import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MINIMUM_ACL } from '../../../redis/acl.ts';
import { checkServing } from '../../../redis/health/serving.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { freePort, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

for (const binary of redisBinaries()) {
  describe(`A look at a ${binary.label}`, function () {
    this.timeout(20_000);
    const start = (config: Record<string, string> = {}) => startRedis({ binary: binary.path, config });

    it('finds one that serves, and changes nothing', async () => {
      await using redis = await start();
      const runId = /^run_id:(\w+)/m.exec(String(await redis.command('INFO', 'server')))?.[1];
      assert.deepEqual(await checkServing(redis.connection), { verdict: 'serves', detail: 'a primary that answers', runId });
      assert.equal(await redis.dbsize(), 0);
    });

    it('finds that a script which never ends blocks it', async () => {
      await using redis = await start({ 'lua-time-limit': '50' });
      const busy = redis.command('EVAL', 'while true do end', '0').catch(() => undefined);
      await until(async () => (await checkServing(redis.connection, 500)).verdict === 'fails');
      await until(async () => /BUSY/.test((await checkServing(redis.connection, 500)).detail), {
        what: 'it says BUSY',
        seconds: 10,
      });
      await redis.kill('SIGKILL');
      await busy;
    });

    it('finds that it refuses writes because it cannot save', async () => {
      await using redis = await start({ save: '3600 1' });
      mkdirSync(join(redis.dir, 'dump.rdb', 'in-the-way'), { recursive: true });
      await redis.command('SET', 'key', 'value');
      await redis.command('BGSAVE');
      await until(async () => (await checkServing(redis.connection)).verdict === 'fails', { what: 'MISCONF', seconds: 10 });
      assert.match((await checkServing(redis.connection)).detail, /MISCONF/);
    });

    it('finds that it takes no more connections', async () => {
      await using redis = await start();
      await redis.command('CONFIG', 'SET', 'maxclients', '1');
      const { verdict, detail } = await checkServing(redis.connection);
      assert.equal(verdict, 'fails');
      assert.match(detail, /takes no more connections/);
    });
  });
}

describe('A look at nothing', () => {
  it('finds that nobody listens', async () => {
    const { verdict, detail } = await checkServing({ host: '127.0.0.1', port: await freePort() });
    assert.equal(verdict, 'fails');
    assert.match(detail, /ECONNREFUSED/);
  });

  it('needs no more of the ACL than it says', async () => {
    await using redis = await startRedis({ users: { watcher: `on >secret ${MINIMUM_ACL.watch.join(' ')}` } });
    const user = { ...redis.connection, username: 'watcher', password: 'secret' };
    assert.equal((await checkServing(user)).verdict, 'serves');
    await redis.command('ACL', 'SETUSER', 'watcher', '-ping');
    assert.equal((await checkServing(user)).verdict, 'unknown');
  });

  it('does not blame Redis for a password that it refuses', async () => {
    await using redis = await startRedis({ password: 'secret-of-a-test' });
    const look = await checkServing({ ...redis.connection, password: 'another-secret' });
    assert.equal(look.verdict, 'unknown');
    assert.doesNotMatch(look.detail, /secret/);
  });
});
