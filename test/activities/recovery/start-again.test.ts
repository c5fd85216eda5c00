import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { MAIN } from '../../fixtures/shard.ts';
import { pidOf } from '../../support/processes.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { found, Killed, recoverySite } from '../support/recovery-site.ts';

describe('A recovery that is cut off where a living Redis was to be restarted', function () {
  this.timeout(30_000);
  const startAgain = MAIN;

  it('leaves it as it is when it was not ended', async () => {
    await using site = await recoverySite();
    const { identity } = await site.platform.status();
    assert.deepEqual(await site.during((actions) => actions.startAgain(startAgain)), { running: true });
    assert.equal((await site.platform.status()).identity, identity);
  });

  it('lets replicas go before it starts one that has ended without a save', async () => {
    await using site = await recoverySite({ config: { save: '""' } });
    await using replica = await startRedis({ config: { 'repl-diskless-sync': 'yes' } });
    await site.ask('SET', 'a', '1');
    await replica.command('REPLICAOF', '127.0.0.1', String(site.redis.port));
    await until(async () => (await replica.dbsize()) === 1, { what: 'a replica has all keys' });
    const [, replid = ''] = /^master_replid:(\w+)/m.exec(String(await replica.command('INFO', 'replication'))) ?? [];
    await site.redis.kill('SIGKILL');
    const replicas = [{ address: `127.0.0.1:${replica.port}`, keys: 1, replid }];
    assert.deepEqual(await site.during((actions) => actions.startAgain({ ...startAgain, replicas })), { running: true });
    await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
    assert.equal(await site.ask('DBSIZE'), 0);
    assert.deepEqual([await replica.dbsize(), ((await replica.command('ROLE')) as unknown[])[0]], [1, 'master']);
  });

  it('starts it with all that it had when it was ended', async () => {
    await using site = await recoverySite();
    await site.ask('SET', 'a', '1');
    const { identity } = await site.platform.status();
    site.fate = 'after stop';
    await assert.rejects(
      site.during((actions) =>
        actions.restartServer(found('unknown', { platform: { running: true, ...(identity ? { identity } : {}) } })),
      ),
      Killed,
    );
    site.fate = undefined;
    assert.equal((await site.platform.status()).running, false);
    assert.deepEqual(await site.during((actions) => actions.startAgain(startAgain)), { running: true });
    await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: Date.now() }));
    assert.equal(await site.ask('GET', 'a'), '1');
  });

  it('waits for one that is about to end', async () => {
    await using site = await recoverySite();
    const pid = pidOf(await site.platform.status());
    const busy = site.ask('DEBUG', 'SLEEP', '2').catch(() => undefined);
    process.kill(pid, 'SIGTERM');
    assert.deepEqual(await site.during((actions) => actions.startAgain(startAgain)), { running: true });
    await busy;
    assert.notEqual(pidOf(await site.platform.status()), pid);
  });

  it('says why one does not start, and holds nobody up', async () => {
    await using site = await recoverySite();
    const { identity = '' } = await site.platform.status();
    await site.platform.kill(identity);
    appendFileSync(site.redis.configFile, '\nmaxmemory-polcy allkeys-lru\n');
    const { running, why } = await site.during((actions) => actions.startAgain(startAgain));
    assert.equal(running, false);
    assert.match(why ?? '', /maxmemory-polcy/);
  });
});
