import { itBehavesLikeAPlatform } from '../platforms/platform-conformance.ts';
import { startTemporal, type TemporalServer } from '../support/temporal.ts';
import { NODE_ADDRESS } from './node/settings.ts';
import { openRedisInPod, type RedisInPod } from './support/redis-in-pod.ts';
import { loadWorkerImage } from './support/worker-image.ts';

describe('A Redis that a StatefulSet runs, with its files reached on its claim', function () {
  this.timeout(300_000);
  let redis: RedisInPod;
  let temporal: TemporalServer;
  before(async () => {
    loadWorkerImage();
    temporal = await startTemporal({ ip: NODE_ADDRESS });
    redis = openRedisInPod();
    redis.configureHelper({
      repository: { url: 'file:///tmp/backups' },
      temporal: { address: temporal.address },
      instances: { main: { url: 'redis://redis:6379', platform: redis.platform() } },
    });
  });
  after(async () => {
    await redis?.[Symbol.asyncDispose]();
    await temporal?.stop();
  });

  itBehavesLikeAPlatform(async () => {
    redis.become({ replicas: 0 });
    const files = redis.claimFiles();
    await files.closePlacement();
    return {
      control: redis.control(),
      again: redis.control,
      // What the helper has at the path of Redis, this machine has elsewhere.
      files: { ...files, where: 'on its claim', open: (layout) => ({ layout: { ...layout, dir: redis.volume() } }) },
      connection: redis.address(),
      get dataDirectory() {
        return redis.volume();
      },
      addToConf: async (line) => redis.addToConf(line),
      async [Symbol.asyncDispose]() {
        await redis.control().stop();
      },
    };
  });
});
