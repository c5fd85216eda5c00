import assert from 'node:assert/strict';
import type { Dependencies, ProtectedInstance } from '../../../activities/dependencies.ts';
import { whoAnswers } from '../../../activities/restore/target-identity.ts';
import type { ShardRef } from '../../../model/shard.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { type Forwarder, startForwarder } from '../../support/forwarder.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';

describe('Who answers for an instance', function () {
  this.timeout(30_000);
  let redis: RedisServer;
  let other: RedisServer;
  let way: Forwarder;
  before(async () => {
    [redis, other] = await Promise.all([startRedis(), startRedis()]);
    way = await startForwarder();
    way.pointTo(redis.port);
  });
  after(async () => {
    await way?.[Symbol.asyncDispose]();
    await Promise.all([redis, other].map((one) => one?.[Symbol.asyncDispose]()));
  });

  const asked = async (host: string, { configFile } = redis) => {
    const instances: Record<string, Partial<ProtectedInstance>> = {
      orders: {
        connection: redis.connection,
        control: {
          queue: 'host/db1',
          isAtHand: host === 'db1',
          where: 'on db1',
          runs: configFile,
          noProgressMs: 0,
          open: () => openProcessPlatform({ start: { command: [redis.binary.path, configFile] } }),
        },
      },
      main: { connection: { ...redis.connection, port: way.port } },
      carts: { connection: other.connection },
      secret: { connection: { ...other.connection, password: 'wrong' } },
    };
    const deps = {
      host,
      instances: () => Object.keys(instances),
      instance: async (instance: string) => ({ shards: [{ instance, shard: '0', name: instance }] }),
      shard: async ({ instance, shard }: ShardRef) => ({ instance, shard, name: instance, ...instances[instance] }),
    } as unknown as Dependencies;
    using client = await openRedis(redis.connection);
    return whoAnswers(deps, await deps.shard({ instance: 'orders', shard: '0' }), client);
  };

  it('is the process that is managed, and each other instance that is the same one by its run id, whatever the address', async () => {
    const { sameAs, managed } = await asked('db1');
    assert.deepEqual(sameAs, [{ name: 'main' }]);
    assert.deepEqual(managed, { runs: redis.configFile, yes: true });
  });

  it('is not the process that is managed where another one has its redis.conf, and both are named', async () => {
    const { managed } = await asked('db1', other);
    assert.equal(managed?.yes, false);
    assert.match(managed?.yes === false ? managed.why : '', /^process \d+ of .* answers, and that of .* is process \d+$/);
  });

  it('is left to its own machine to say: from afar nothing tells which of two addresses is the wrong one', async () => {
    const { sameAs, managed, runId } = await asked('db2');
    assert.deepEqual([sameAs, managed], [undefined, undefined]);
    assert.match(runId ?? '', /^[0-9a-f]{40}$/);
  });
});
