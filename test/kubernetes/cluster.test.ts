import assert from 'node:assert/strict';
import { until } from '../support/until.ts';
import { redisSet } from './support/redis-set.ts';
import { loadRedisImage, openNamespace, type TestNamespace } from './support/test-cluster.ts';

interface Pod {
  metadata: { uid: string };
  status: { podIP?: string; containerStatuses?: { ready: boolean; restartCount: number }[] };
}

describe('The cluster of these tests', function () {
  this.timeout(180_000);
  let namespace: TestNamespace;
  before(() => {
    loadRedisImage();
    namespace = openNamespace();
    namespace.apply(...redisSet());
  });
  after(() => namespace?.[Symbol.asyncDispose]());

  const pod = () => namespace.get<Pod>('pod', 'redis-0');
  const isReady = () => pod()?.status.containerStatuses?.[0]?.ready === true;
  const inPod = (...command: string[]) => namespace.kubectl(['exec', 'redis-0', '--', ...command]).trim();

  it('runs a Redis on a claim, which is there again in the next pod', async () => {
    await until(async () => isReady(), { what: 'Redis is ready', seconds: 120 });
    assert.equal(inPod('redis-cli', 'set', 'a', '1'), 'OK');
    const { uid } = pod()?.metadata ?? {};
    namespace.kubectl(['delete', 'pod', 'redis-0']);
    await until(async () => pod()?.metadata.uid !== uid && isReady(), { what: 'the next pod is ready', seconds: 120 });
    assert.equal(inPod('redis-cli', 'get', 'a'), '1');
  });

  it('answers by the name of its Service', async () => {
    await until(async () => inPod('redis-cli', '-h', 'redis', 'get', 'a') === '1', { what: 'the name is known', seconds: 60 });
  });
});
