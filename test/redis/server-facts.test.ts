import assert from 'node:assert/strict';
import { MINIMUM_ACL } from '../../redis/acl.ts';
import { openRedis } from '../../redis/client/client.ts';
import { parseInfo } from '../../redis/client/info.ts';
import { lastLoad, loadingProgress } from '../../redis/health/loading.ts';
import { takeBgsave } from '../../redis/persistence/bgsave.ts';
import { applyPolicy, comparePolicy } from '../../redis/persistence/policy.ts';
import { openUncompressedFork } from '../../redis/persistence/rdb-compression.ts';
import { openRdbStream } from '../../redis/replication/replica.ts';
import { readPersistencePolicy, readServerFacts } from '../../redis/server-facts.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { bytesOf } from './support/bytes-of.ts';
import { startLoading } from './support/start-loading.ts';

describe('what a server says of itself', () => {
  for (const binary of redisBinaries()) {
    it(`is read from ${binary.label}`, async () => {
      const config = { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru', databases: '4', save: ['3600 1', '60 100'] };
      await using redis = await startRedis({ binary: binary.path, config });
      const facts = await readServerFacts(await redis.client());
      assert.ok(facts.usedMemoryBytes > 100_000);
      assert.match(facts.runId, /^[0-9a-f]{40}$/);
      assert.deepEqual(facts, {
        product: binary.product,
        version: binary.version,
        runId: facts.runId,
        role: 'master',
        usedMemoryBytes: facts.usedMemoryBytes,
        maxmemoryBytes: 100 * 1024 * 1024,
        maxmemoryPolicy: 'allkeys-lru',
        databases: 4,
        modules: facts.modules,
        replicas: [],
        policy: {
          save: '3600 1 60 100',
          appendonly: 'no',
          appendfsync: 'everysec',
          dir: redis.dir,
          dbfilename: 'dump.rdb',
          appenddirname: isAtLeast(binary, 7) ? 'appendonlydir' : '',
          appendfilename: 'appendonly.aof',
          rdbcompression: 'yes',
          rdbchecksum: 'yes',
        },
      });
    });

    it(`is read, with a snapshot, by a user of ${binary.label} who has the least permissions and no more`, async () => {
      const users = {
        backup: `on >secret ${MINIMUM_ACL.backup.join(' ')}`,
        bgsave: `on >secret ${[...MINIMUM_ACL.backup, ...MINIMUM_ACL.bgsave].join(' ')}`,
        fence: `on >secret ${[...MINIMUM_ACL.backup, ...MINIMUM_ACL.withoutRdbCompression].join(' ')}`,
        policy: `on >secret ${[...MINIMUM_ACL.backup, ...MINIMUM_ACL.applyPolicy].join(' ')}`,
      };
      await using redis = await startRedis({ binary: binary.path, users, config: { 'repl-diskless-sync': 'yes' } });
      await redis.command('SET', 'a', '1');
      const as = (username: string) => ({ ...redis.connection, username, password: 'secret' });
      using backup = await openRedis(as('backup'));
      assert.equal((await readServerFacts(backup)).version, binary.version);
      await backup.time();
      assert.deepEqual(await backup.dbsizes(), [{ db: 0, keys: 1, expires: 0 }]);
      assert.ok((await bytesOf(await openRdbStream(as('backup')))).length > 80);
      await assert.rejects(backup.command('GET', 'a'), { code: 'REDIS_PERMISSION_DENIED' });
      await assert.rejects(backup.configSet('save', ''), {
        next: 'Give the user this permission: ACL SETUSER backup +config|set',
      });

      using bgsave = await openRedis(as('bgsave'));
      await (await takeBgsave(bgsave, { dir: redis.dir })).release();

      using fence = await openRedis(as('fence'));
      const fork = await openUncompressedFork(fence);
      assert.equal(fork.refusedBecause, undefined);
      await fork.putBack();

      using policy = await openRedis(as('policy'));
      assert.equal((await applyPolicy(policy, comparePolicy(await readPersistencePolicy(policy)))).isKept, true);
    });
  }

  it('tells how far it is with loading, and what the load brought', async () => {
    await using redis = await startLoading();
    const client = await redis.client();
    const progress = loadingProgress(await client.info('persistence'));
    assert.deepEqual([progress.loading, progress.asyncLoading], [true, false]);
    assert.ok((progress.totalBytes ?? 0) > 10_000);
    assert.ok((progress.loadedBytes ?? -1) >= 0 && (progress.etaSeconds ?? -1) >= 0 && (progress.percent ?? -1) >= 0);
    await assert.rejects(client.ping(), { code: 'REDIS_NOT_READY', next: /until it has loaded/ });
    await client.configSet('key-load-delay', '0');
    await until(async () => !loadingProgress(await client.info('persistence')).loading, { what: 'it has loaded' });
    assert.deepEqual(lastLoad(await client.info('persistence')), { keysLoaded: 2000, keysExpired: 0 });
    assert.equal(loadingProgress(await client.info('persistence')).totalBytes, undefined);
  });

  it('is read by whole field names: async_loading:0 is not loading:0', () => {
    const info = parseInfo(
      '# Persistence\r\nloading:1\r\nasync_loading:0\r\ndb0:keys=5,expires=1,avg_ttl=0\r\ndb10:keys=1,expires=0\r\n',
    );
    assert.deepEqual([info.flag('loading'), info.flag('async_loading'), info.flag('absent')], [true, false, false]);
    assert.deepEqual([info.number('absent'), info.number('db0'), info.get('loading')], [undefined, undefined, '1']);
    assert.deepEqual(info.keyspace(), [
      { db: 0, keys: 5, expires: 1 },
      { db: 10, keys: 1, expires: 0 },
    ]);
    assert.deepEqual(lastLoad(info), { keysLoaded: undefined, keysExpired: undefined });
  });
});
