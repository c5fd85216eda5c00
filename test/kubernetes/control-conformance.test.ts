import { itBehavesLikeAPlatform } from '../platforms/platform-conformance.ts';
import { openRedisInPod, type RedisInPod } from './support/redis-in-pod.ts';

describe('A Redis that a StatefulSet runs', function () {
  this.timeout(180_000);
  let redis: RedisInPod;
  before(() => {
    redis = openRedisInPod();
  });
  after(() => redis?.[Symbol.asyncDispose]());

  itBehavesLikeAPlatform(async () => {
    redis.become({ replicas: 0 });
    return {
      control: redis.control(),
      again: redis.control,
      files: redis.files(),
      connection: redis.address(),
      get dataDirectory() {
        return redis.volume();
      },
      addToConf: async (line) => redis.addToConf(line),
      [Symbol.asyncDispose]: () => redis.control().stop(),
    };
  });
});
