import assert from 'node:assert/strict';
import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import type { Cluster } from '../../../platforms/kubernetes/cluster.ts';
import { claimAt, redisContainer } from '../../../platforms/kubernetes/container.ts';
import { commandOf, readContainerConf } from '../../../platforms/kubernetes/container-conf.ts';
import { workloadOf } from '../../../platforms/kubernetes/workload.ts';

const setWith = (spec: V1PodSpec, claims: string[] = []) =>
  workloadOf({
    metadata: { name: 'redis', uid: 'u1' },
    spec: {
      selector: {},
      serviceName: 'redis',
      template: { spec },
      volumeClaimTemplates: claims.map((name) => ({ metadata: { name } })),
    },
  });

const exporter: V1Container = { name: 'exporter', image: 'oliver006/redis_exporter:v1', ports: [{ containerPort: 9121 }] };
const sentinel: V1Container = { name: 'watch', image: 'redis:8', command: ['redis-sentinel', '/etc/sentinel.conf'] };

describe('The container that is the Redis', () => {
  const nameOf = (containers: V1Container[], named?: string) => redisContainer(setWith({ containers }), named).name;

  it('is the one that starts redis-server, beside exporter and Sentinel', () => {
    const redis = { name: 'a', image: 'own/thing', command: ['sh', '-c', 'exec redis-server /etc/redis.conf'] };
    assert.equal(nameOf([exporter, sentinel, redis]), 'a');
    assert.equal(nameOf([sentinel, { name: 'b', image: 'own/kv', args: ['valkey-server'] }]), 'b');
  });

  it('is else the one with its image, else the one with its port', () => {
    assert.equal(
      nameOf([
        { name: 'app', image: 'own/app:1' },
        { name: 'c', image: 'docker.io/library/redis:8@sha256:0' },
      ]),
      'c',
    );
    assert.equal(
      nameOf([
        { name: 'app', image: 'own/app' },
        { name: 'd', image: 'own/kv', ports: [{ containerPort: 6379 }] },
      ]),
      'd',
    );
  });

  it('is named where two could be it, and never guessed', () => {
    const two = [
      { name: 'one', image: 'redis:8' },
      { name: 'two', image: 'redis:8' },
    ];
    assert.throws(() => nameOf(two), { code: 'CONFIG_INVALID', message: /cannot be told: one, two/ });
    assert.throws(() => nameOf([exporter, sentinel]), { code: 'CONFIG_INVALID' });
    assert.equal(nameOf(two, 'two'), 'two');
    assert.throws(() => nameOf(two, 'three'), { code: 'KUBERNETES_MISSING', message: /it has one, two/ });
  });

  it('has the claim that is mounted nearest above its data', () => {
    const container = {
      name: 'redis',
      volumeMounts: [
        { name: 'all', mountPath: '/' },
        { name: 'data', mountPath: '/data/', subPath: 'redis' },
      ],
    };
    const spec = { containers: [container], volumes: [{ name: 'all', persistentVolumeClaim: { claimName: 'shared' } }] };
    const set = setWith(spec, ['data']);
    assert.deepEqual(claimAt(set, container, '/data/redis'), { claim: 'data-redis-0', mountPath: '/data', subPath: 'redis' });
    assert.deepEqual(claimAt(set, container, '/database'), { claim: 'shared', mountPath: '/' });
  });
});

describe('What a container starts with', () => {
  const clusterWith = (maps: Record<string, Record<string, string>>): Cluster =>
    ({
      namespace: 'shop',
      find: async (what: string) => {
        const data = maps[what.split(' ').at(-1) ?? ''];
        return data && { data };
      },
    }) as unknown as Cluster;

  const confOf = (container: Partial<V1Container>, maps: Record<string, Record<string, string>> = {}, spec = {}) => {
    const whole = { name: 'redis', image: 'redis:8', ...container };
    return readContainerConf(clusterWith(maps), setWith({ containers: [whole], ...spec }, ['data']), whole);
  };

  it('is read from ConfigMaps, across includes, patterns, renamed keys and single files, and then from its arguments', async () => {
    const { conf, configFile } = await confOf(
      {
        command: ['redis-server', '/etc/redis/redis.conf', '--databases', '$(COUNT)'],
        env: [{ name: 'COUNT', value: '3' }],
        volumeMounts: [
          { name: 'main', mountPath: '/etc/redis' },
          { name: 'more', mountPath: '/etc/more' },
          { name: 'one', mountPath: '/opt/one.conf', subPath: 'one' },
        ],
      },
      {
        main: { 'redis.conf': 'dir /data\ninclude /etc/more/*.conf\ninclude /opt/one.conf\n' },
        more: { b: 'appendonly yes\n', 'not-this': 'appendonly no\n' },
        one: { one: 'dbfilename ähm.rdb\n' },
      },
      {
        volumes: [
          { name: 'main', configMap: { name: 'main' } },
          { name: 'more', projected: { sources: [{ configMap: { name: 'more', items: [{ key: 'b', path: 'b.conf' }] } }] } },
          { name: 'one', configMap: { name: 'one' } },
        ],
      },
    );
    const { dir, appendonly, dbfilename, databases } = conf;
    assert.deepEqual(
      { configFile, dir, appendonly, dbfilename, databases },
      { configFile: '/etc/redis/redis.conf', dir: '/data', appendonly: true, dbfilename: 'ähm.rdb', databases: 3 },
    );
  });

  it('is what the entry point of the usual images makes of arguments', async () => {
    const { conf } = await confOf({ args: ['--appendonly', 'yes'], volumeMounts: [{ name: 'data', mountPath: '/data' }] });
    assert.deepEqual([conf.appendonly, conf.dir], [true, '/data']);
    assert.equal((await confOf({ workingDir: '/srv' })).conf.dir, '/srv');
  });

  it('is one plain command of a shell, and no script', () => {
    const command = (script: string) =>
      commandOf({ description: 'StatefulSet redis' }, { name: 'redis', command: ['sh', '-c', script] });
    assert.deepEqual(command('exec redis-server /c.conf --save ""'), ['redis-server', '/c.conf', '--save', '']);
    assert.throws(() => command('redis-server --requirepass "$PASSWORD"'), { code: 'CONFIG_INVALID', message: /sh …$/ });
  });

  it('is named where it cannot be seen, with where it lies', async () => {
    const at = (volume: object) =>
      confOf(
        { args: ['/etc/redis/redis.conf'], volumeMounts: [{ name: 'v', mountPath: '/etc/redis' }] },
        { map: {} },
        {
          volumes: [{ name: 'v', ...volume }],
        },
      );
    const cannot = (message: RegExp) => ({ code: 'CONFIG_INVALID', message });
    await assert.rejects(at({ secret: { secretName: 's' } }), cannot(/cannot be seen: .*Secret s, which is not read/));
    await assert.rejects(at({ emptyDir: {} }), cannot(/filled when the pod starts/));
    await assert.rejects(at({ configMap: { name: 'map' } }), cannot(/ConfigMap map has no redis\.conf/));
    await assert.rejects(confOf({ args: ['/etc/redis.conf'] }), cannot(/a file of the image redis:8/));
  });
});
