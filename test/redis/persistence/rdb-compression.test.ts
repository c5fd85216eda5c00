import assert from 'node:assert/strict';
import type { RedisClient } from '../../../redis/client/client.ts';
import { runningChild } from '../../../redis/persistence/children.ts';
import { openUncompressedFork, usesRdbCompression } from '../../../redis/persistence/rdb-compression.ts';
import { openRdbStream } from '../../../redis/replication/replica.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { bytesOf } from '../support/bytes-of.ts';

const PLENTY = 1e12;

describe('rdbcompression off for one fork', () => {
  let redis: RedisServer;
  let client: RedisClient;
  before(async () => {
    redis = await startRedis({ config: { 'repl-diskless-sync': 'yes' } });
    client = await redis.client();
    await redis.command('DEBUG', 'POPULATE', '500', 'k', '4000');
  });
  /** The child of a transfer is gone when Redis' clock has ticked. */
  const noChild = () =>
    until(async () => runningChild(await client.info('persistence')) === undefined, { what: 'no child runs' });
  beforeEach(noChild);
  after(() => redis[Symbol.asyncDispose]());

  const refusedBecause = async (why: RegExp, freeDiskBytes?: number) => {
    const fork = await openUncompressedFork(client, freeDiskBytes);
    assert.match(fork.refusedBecause ?? 'it is off', why);
    assert.equal(await usesRdbCompression(client), true);
  };
  const withSetting = async (name: string, value: string, body: () => Promise<void>) => {
    const old = (await client.configGet(name))[name] ?? '';
    await client.configSet(name, value);
    await body();
    await client.configSet(name, old);
  };

  it('is for our snapshot alone, when it is put back at +FULLRESYNC', async () => {
    const compressed = (await bytesOf(await openRdbStream(redis.connection))).length;
    await noChild();
    const fork = await openUncompressedFork(client, PLENTY);
    assert.equal(fork.refusedBecause, undefined);
    assert.equal(await usesRdbCompression(client), false);
    const stream = await openRdbStream(redis.connection, { onFullResync: () => fork.putBack() });
    const plain = (await bytesOf(stream)).length;
    assert.ok(plain > 2_000_000 && plain > 10 * compressed, `${plain} and ${compressed}`);
    assert.equal(await usesRdbCompression(client), true);
    assert.equal((await bytesOf(await openRdbStream(redis.connection))).length, compressed);
  });

  it('puts back what an attempt that died has left off', async () => {
    await openUncompressedFork(client, PLENTY);
    await refusedBecause(/1000 bytes free/, 1000);
  });

  it('is put back once: what somebody sets afterwards stays', async () => {
    const fork = await openUncompressedFork(client, PLENTY);
    await fork.putBack();
    await withSetting('rdbcompression', 'no', async () => {
      await fork.putBack();
      assert.equal(await usesRdbCompression(client), false);
    });
  });

  it('is refused where the sync writes dump.rdb', () =>
    withSetting('repl-diskless-sync', 'no', () => refusedBecause(/repl-diskless-sync is no/, PLENTY)));

  it('is refused where the disk has less room than the data in memory', () => refusedBecause(/1000 bytes free/, 1000));

  it('is refused where the disk cannot be seen and somebody else may write to it', () =>
    withSetting('save', '3600 1', () => refusedBecause(/cannot be seen/)));

  it('is allowed where the disk cannot be seen and nobody writes to it', async () => {
    const fork = await openUncompressedFork(client);
    assert.equal(fork.refusedBecause, undefined);
    await fork.putBack();
  });

  it('is refused while a child runs', () =>
    withSetting('rdb-key-save-delay', '1000000', async () => {
      await redis.command('BGSAVE');
      await refusedBecause(/a background save is running/, PLENTY);
    }));
});
