import assert from 'node:assert/strict';
import type { RecoveryError } from '../../model/errors.ts';
import { openKubernetesPlatform } from '../../platforms/kubernetes/kubernetes-platform.ts';
import { openRedis } from '../../redis/client/client.ts';
import { until } from '../support/until.ts';
import { openRedisInPod, type RedisInPod } from './support/redis-in-pod.ts';
import type { RedisSetOptions } from './support/redis-set.ts';
import { REDIS_IMAGE } from './support/test-cluster.ts';

interface Scaled {
  metadata: { annotations?: Record<string, string> };
  spec: { replicas: number };
}

const KEPT = 'redis-backup/replicas';
const WITHIN = { seconds: 60 };
const unexpected = (): never => assert.fail('it should be refused');

describe('What runs a Redis in a pod', function () {
  this.timeout(180_000);
  let redis: RedisInPod;
  before(() => {
    redis = openRedisInPod();
  });
  after(() => redis?.[Symbol.asyncDispose]());

  /** What it is to be, and not running yet. */
  const made = async (options: RedisSetOptions = {}) => {
    redis.become({ ...options, replicas: 0 });
    const control = redis.control();
    await control.stop();
    return control;
  };
  const ask = async (...args: string[]) => {
    using client = await openRedis(redis.address());
    return await client.command(...args);
  };
  const serves = () => until(() => ask('PING').then(Boolean, () => false), { what: 'Redis serves', ...WITHIN });
  const set = (): Scaled => {
    const found = redis.namespace.get<Scaled>('statefulset', 'redis');
    assert.ok(found);
    return found;
  };
  const scaled = () => [set().spec.replicas, set().metadata.annotations?.[KEPT]];
  const restarts = () => redis.pod()?.status.containerStatuses?.[0]?.restartCount ?? 0;

  describe('knows how it ended', () => {
    it('by the memory limit of its own container', async () => {
      const control = await made({
        conf: ['appendonly no', 'save ""'],
        container: { resources: { limits: { memory: '40Mi' } } },
      });
      await control.start();
      await serves();
      const exited = control.exited();
      await ask('SETRANGE', 'a', '100000000', 'x').catch(() => undefined);
      const { signal, lastLines } = await exited;
      assert.equal(signal, 'SIGKILL');
      assert.match(lastLines.join('\n'), /Ready to accept connections/);
      const trace = await control.trace();
      assert.deepEqual([trace.oomKilled, trace.end?.signal], [true, 'SIGKILL']);
      assert.equal((await control.memoryKill()).verdict, 'yes');
      assert.deepEqual(await control.memory(), { limit: { limitBytes: 40 * 1024 ** 2 } });
    });

    it('with exit code 0, again and again', async () => {
      const control = await made({ container: { command: ['redis-server', '--version'] } });
      await assert.rejects(control.start(), { code: 'START_FAILED', message: /ends with exit code 0.*Redis server v=/ });
      await until(async () => (await control.trace()).crashLoop, { what: 'it loops', ...WITHIN });
      assert.equal((await control.trace()).end?.code, 0);
      assert.deepEqual(await control.memoryKill(), { verdict: 'no', why: 'the kubelet says Completed, exit code 0' });
    });
  });

  it('ends the wait of a back-off, as soon as what made it end is mended', async () => {
    const control = await made({ conf: ['maxmemory lots'] });
    const refused: RecoveryError = await control.start().then(unexpected, (error) => error);
    assert.match(refused.message, /did not start.*FATAL CONFIG FILE ERROR|did not start.*maxmemory/);
    const waits = async () => (await control.trace()).crashLoop && restarts() >= 2;
    await until(waits, { what: 'it waits longer and longer', ...WITHIN });
    assert.match((await control.logs(20)).join('\n'), /maxmemory …/, 'the log of the one that has ended');
    const { uid } = redis.pod()?.metadata ?? {};
    redis.become();
    assert.equal((await control.start()).running, true);
    assert.notEqual(redis.pod()?.metadata.uid, uid);
    await serves();
    assert.deepEqual([restarts(), (await control.trace()).crashLoop], [0, false]);
  });

  describe('says what keeps it from running', () => {
    it('where a key of its Secret is gone', async () => {
      const valueFrom = { secretKeyRef: { name: 'redis-password', key: 'password' } };
      const control = await made({ container: { env: [{ name: 'PASSWORD', valueFrom }] } });
      await assert.rejects(control.start(), {
        code: 'START_FAILED',
        message: /did not start \(its container redis cannot be made: secret "redis-password" not found\)/,
      });
      redis.namespace.kubectl(['create', 'secret', 'generic', 'redis-password', '--from-literal=password=secret']);
      assert.equal((await control.start()).running, true, 'it runs as soon as it is back');
    });

    it('where a ConfigMap is gone, and only an event says so', async () => {
      const volumes = [{ name: 'conf', configMap: { name: 'gone' } }];
      const control = await made({ pod: { volumes } });
      await assert.rejects(control.start(), { code: 'START_FAILED', message: /ConfigMap gone is not there/ });
    });

    it('where the quota of the namespace lets no pod be made', async () => {
      const control = await made();
      redis.namespace.kubectl(['create', 'quota', 'none', '--hard=pods=0']);
      try {
        await assert.rejects(control.start(), { code: 'START_FAILED', message: /no pod is made: .*exceeded quota: none/ });
      } finally {
        redis.namespace.kubectl(['delete', 'quota', 'none']);
      }
    });
  });

  describe('with somebody else at it', () => {
    it('notices that it was scaled up while it was being stopped, and leaves it so', async () => {
      const slow = { lifecycle: { preStop: { exec: { command: ['sleep', '8'] } } } };
      const control = await made({ container: slow, pod: { terminationGracePeriodSeconds: 20 } });
      await control.start();
      const stopped = control.stop().then(unexpected, (error) => error);
      await until(async () => set().spec.replicas === 0, { what: 'it is scaled to 0', ...WITHIN });
      assert.equal(scaled()[1], '1', 'what it was stands there before it is scaled');
      redis.namespace.kubectl(['scale', 'statefulset', 'redis', '--replicas=1']);
      const { code, message } = await stopped;
      assert.equal(code, 'KUBERNETES_CONFLICT');
      assert.match(message, /somebody else has scaled StatefulSet redis to 1 in the middle/);
      assert.equal(set().spec.replicas, 1);
      await control.start();
      assert.deepEqual(scaled(), [1, undefined], 'and nothing of ours is left');
    });

    it('brings back what it was, for whoever starts it, and stops none of several', async () => {
      const control = await made();
      await control.start();
      await control.stop();
      assert.deepEqual(scaled(), [0, '1']);
      await redis.control().start();
      assert.deepEqual(scaled(), [1, undefined]);
      redis.namespace.kubectl(['scale', 'statefulset', 'redis', '--replicas=2']);
      await assert.rejects(control.stop(), { code: 'PLATFORM_UNSUPPORTED', message: /has 2 replicas/ });
      assert.deepEqual(scaled(), [2, undefined]);
    });

    it('says that the next start is another one, by its image or what it reads', async () => {
      const control = await made();
      await control.start();
      assert.equal(await control.otherStart(), undefined);
      redis.namespace.kubectl([
        'patch',
        'statefulset',
        'redis',
        '-p',
        '{"spec":{"updateStrategy":{"type":"OnDelete","rollingUpdate":null}}}',
        '--type=merge',
      ]);
      redis.namespace.kubectl(['set', 'image', 'statefulset/redis', 'redis=redis:next']);
      const image = await control.otherStart();
      assert.match(image?.why ?? '', /the next one has image redis:next in place of localhost\/redis:test/);
      redis.namespace.kubectl(['set', 'image', 'statefulset/redis', `redis=${REDIS_IMAGE}`]);
      await until(async () => (await control.otherStart()) === undefined, { what: 'it was taken back', ...WITHIN });
      redis.addToConf('maxclients 77');
      assert.match((await control.otherStart())?.why ?? '', /ConfigMap redis was changed since pod redis-0 started/);
    });

    it('names what of its configuration is not there', async () => {
      const open = (more: object) =>
        openKubernetesPlatform({ namespace: redis.namespace.name, statefulSet: 'redis', ...more }).status();
      await assert.rejects(open({ statefulSet: 'valkey' }), { code: 'KUBERNETES_MISSING', message: /get StatefulSet valkey/ });
      await assert.rejects(open({ container: 'valkey' }), { code: 'KUBERNETES_MISSING', message: /it has redis/ });
      await assert.rejects(open({ access: { context: 'none' } }), { code: 'CONFIG_INVALID', message: /no context none/ });
    });
  });

  it('tells by its address whether it is the one that answers', async () => {
    const control = await made();
    await control.start();
    await serves();
    const at = (host: string) =>
      openKubernetesPlatform({ namespace: redis.namespace.name, statefulSet: 'redis', address: { host, port: 6379 } }).identify();
    assert.deepEqual(await control.identify(), { same: 'yes' }, 'behind its Service it stands alone');
    assert.deepEqual(await at(redis.pod()?.status.podIP ?? ''), { same: 'yes' });
    assert.equal((await at('127.0.0.1')).same, 'unknown');
    const labels = { app: 'another' };
    redis.namespace.apply(
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'another' }, spec: { selector: labels, ports: [{ port: 6379 }] } },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'another', labels },
        spec: { containers: [{ name: 'redis', image: REDIS_IMAGE, imagePullPolicy: 'IfNotPresent' }] },
      },
    );
    const service = redis.namespace.get<{ spec: { clusterIP: string } }>('service', 'another');
    const other = () => at(service?.spec.clusterIP ?? '');
    await until(async () => (await other()).same !== 'unknown', { what: 'the other one is ready', ...WITHIN });
    assert.match(JSON.stringify(await other()), /"same":"no","why":"behind Service another, .*"isSure":true/);
  });
});
