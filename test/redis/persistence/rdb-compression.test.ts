import assert from 'node:assert/strict';
import type { RedisClient } from '../../../redis/client/client.ts';
import { runningChild } from '../../../redis/persistence/children.ts';
import {
  canTurnOffRdbCompression,
  putBackRdbCompression,
  turnOffRdbCompression,
} from '../../../redis/persistence/rdb-compression.ts';
import { openRdbStream } from '../../../redis/replication/replica.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { bytesOf } from '../support/bytes-of.ts';

const PLENTY = { freeDiskBytes: 1e12 };

describe('rdbcompression off for one fork', () => {
  let redis: RedisServer;
  let client: RedisClient;
  before(async () => {
    redis = await startRedis({ config: { 'repl-diskless-sync': 'yes' } });
    client = await redis.client();
    await redis.command('DEBUG', 'POPULATE', '500', 'k', '4000');
  });
  beforeEach(async () => {
    // The child of the test before is gone when Redis' clock has ticked.
    await until(async () => runningChild(await client.info('persistence')) === undefined, { what: 'no child runs' });
  });
  after(() => redis[Symbol.asyncDispose]());

  const refusedBecause = async (why: RegExp, options: { freeDiskBytes?: number } = PLENTY) => {
    const verdict = await canTurnOffRdbCompression(client, options);
    assert.equal(verdict.ok, false);
    assert.match(verdict.ok ? '' : verdict.why, why);
  };
  const withSetting = async (name: string, value: string, body: () => Promise<void>) => {
    const old = (await client.configGet(name))[name] ?? '';
    await client.configSet(name, value);
    await body();
    await client.configSet(name, old);
  };

  it('is for our snapshot alone, when it is put back at +FULLRESYNC', async () => {
    assert.deepEqual(await canTurnOffRdbCompression(client, PLENTY), { ok: true });
    const compressed = (await bytesOf(await openRdbStream(redis.connection))).length;
    await turnOffRdbCompression(client);
    const stream = await openRdbStream(redis.connection, { onFullResync: () => putBackRdbCompression(client) });
    const plain = (await bytesOf(stream)).length;
    assert.ok(plain > 2_000_000 && plain > 10 * compressed, `${plain} and ${compressed}`);
    assert.deepEqual(await client.configGet('rdbcompression'), { rdbcompression: 'yes' });
    assert.equal((await bytesOf(await openRdbStream(redis.connection))).length, compressed);
    await putBackRdbCompression(client);
  });

  it('is refused where it is off anyway', () => withSetting('rdbcompression', 'no', () => refusedBecause(/off already/)));

  it('is refused where the sync writes dump.rdb', () =>
    withSetting('repl-diskless-sync', 'no', () => refusedBecause(/repl-diskless-sync is no/)));

  it('is refused where the disk has less room than the data in memory', () =>
    refusedBecause(/1000 bytes free/, { freeDiskBytes: 1000 }));

  it('is refused where the disk cannot be seen and somebody else may write to it', () =>
    withSetting('save', '3600 1', () => refusedBecause(/cannot be seen/, {})));

  it('is allowed where the disk cannot be seen and nobody writes to it', async () => {
    assert.deepEqual(await canTurnOffRdbCompression(client), { ok: true });
  });

  it('is refused while a child runs', () =>
    withSetting('rdb-key-save-delay', '1000000', async () => {
      await redis.command('BGSAVE');
      await refusedBecause(/a background save is running/);
    }));
});
