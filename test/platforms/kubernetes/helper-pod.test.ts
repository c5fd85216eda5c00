import assert from 'node:assert/strict';
import { helperPod } from '../../../platforms/kubernetes/helper-pod.ts';
import { workloadOf } from '../../../platforms/kubernetes/workload.ts';

const container = {
  name: 'redis',
  securityContext: { runAsUser: 999 },
  volumeMounts: [{ name: 'data', mountPath: '/data', subPath: 'redis' }],
};
const labels = { app: 'redis' };
const workload = workloadOf({
  metadata: { name: 'redis', uid: 'u1' },
  spec: {
    selector: { matchLabels: labels },
    serviceName: 'redis',
    template: {
      metadata: { labels },
      spec: {
        containers: [container],
        securityContext: { fsGroup: 999 },
        tolerations: [{ key: 'disk' }],
        nodeSelector: { disk: 'ssd' },
      },
    },
  },
});

describe('The helper on the claim of a Redis', () => {
  const pod = helperPod(
    {
      namespace: 'shop',
      workload,
      container,
      mount: { claim: 'data-redis-0', mountPath: '/data', subPath: 'redis' },
      nodeName: 'node1',
      queue: 'volume/1',
      directives: [['databases', '32']],
    },
    { image: 'redis-backup:1', configMap: 'backup', secret: 'keys' },
  );
  const [helper] = pod.spec?.containers ?? [];

  it('has the files where Redis has them, as its user, on its node', () => {
    assert.deepEqual(helper?.volumeMounts?.[0], { name: 'files', mountPath: '/data', subPath: 'redis' });
    assert.deepEqual(pod.spec?.volumes?.[0], { name: 'files', persistentVolumeClaim: { claimName: 'data-redis-0' } });
    assert.equal(helper?.securityContext?.runAsUser, 999);
    assert.deepEqual(
      [pod.spec?.securityContext?.fsGroup, pod.spec?.nodeSelector, pod.spec?.tolerations],
      [999, { disk: 'ssd' }, [{ key: 'disk' }]],
    );
    assert.match(JSON.stringify(pod.spec?.affinity), /"metadata\.name","operator":"In","values":\["node1"\]/);
  });

  it('has no rights in the cluster, ends by itself, and is no pod of the Service or the StatefulSet', () => {
    assert.equal(pod.spec?.automountServiceAccountToken, false);
    assert.equal(pod.spec?.restartPolicy, 'Never');
    assert.ok((pod.spec?.activeDeadlineSeconds ?? 0) > 0);
    assert.equal(pod.metadata?.labels?.app, undefined);
    assert.equal(pod.metadata?.ownerReferences?.[0]?.controller, undefined);
  });

  it('serves its queue, and is told what a Redis there needs to load', () => {
    assert.deepEqual(helper?.command?.slice(-2), ['--queue', 'volume/1']);
    const env = Object.fromEntries((helper?.env ?? []).map(({ name, value }) => [name, value]));
    assert.equal(env.REDIS_BACKUP_FILES_OF, 'shop/redis');
    assert.deepEqual(JSON.parse(env.REDIS_BACKUP_LOAD_DIRECTIVES ?? ''), [['databases', '32']]);
    assert.deepEqual(helper?.envFrom, [{ secretRef: { name: 'keys' } }]);
  });
});
