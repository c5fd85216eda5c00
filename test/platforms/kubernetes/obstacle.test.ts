import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { CoreV1Event, V1Pod } from '@kubernetes/client-node';
import { isInBackOff, obstacleOf } from '../../../platforms/kubernetes/obstacle.ts';

/** As a node said it of pods that do not run: status and warnings, by what keeps them from it. */
const recorded = JSON.parse(readFileSync(new URL('not-running.json', import.meta.url), 'utf8')) as Record<
  string,
  { pod: V1Pod; events: CoreV1Event[] }
>;

const obstacle = (name: string, events = recorded[name]?.events ?? []) =>
  obstacleOf({ pod: recorded[name]?.pod, container: 'redis', events });

const event = (reason: string, message: string): CoreV1Event => ({ reason, message, metadata: {}, involvedObject: {} });

describe('Why a pod does not run', () => {
  const table: [string, RegExp, RegExp][] = [
    ['secret-missing', /cannot be made: secret "redis-password" not found/, /Bring that Secret/],
    ['secret-key-missing', /couldn't find key password in Secret/, /or its key/],
    ['configmap-missing', /^ConfigMap redis-conf is not there: MountVolume/, /Bring it back/],
    ['image-never', /its image localhost\/none:1 is not to be had: .* pull policy of Never/, /registry/],
    ['image-pull', /its image localhost:1\/none:1 is not to be had: .*connection refused/, /registry/],
    ['no-memory', /no node has room for it: .*Insufficient memory/, /Free what is missing/],
    ['wrong-node', /no node may run it: .*didn't match Pod's node affinity/, /labels, taints/],
    ['claim-missing', /^claim data-redis-0 is not there/, /before a new and empty one/],
    ['class-missing', /its claim has no volume: storageclass.* "fast" not found/, /storage class/],
    ['init-fails', /^init container prepare fails with exit code 3/, /kubectl logs -c prepare/],
    ['root-image', /runAsNonRoot and image will run as root/, /Correct what it names/],
    ['no-command', /its command cannot be run: exec: "redis-srv": executable file not found/, /command or its image/],
    ['exits-at-once', /ends with exit code 1/, /last lines of its log/],
    ['exits-0', /ends with exit code 0/, /last lines of its log/],
    ['out-of-memory', /killed for memory \(OOMKilled\)/, /memory limit/],
  ];

  for (const [name, why, next] of table)
    it(`is said of ${name}`, () => {
      const found = obstacle(name);
      assert.match(found?.why ?? '', why);
      assert.match(found?.next ?? '', next);
      assert.equal(found?.passes, false);
    });

  it('has a row for each that was recorded', () => {
    assert.deepEqual(Object.keys(recorded).sort(), table.map(([name]) => name).sort());
  });

  it('is said of no pod at all by what should make it', () => {
    const quota = 'create Pod redis-0 in StatefulSet redis failed: pods "redis-0" is forbidden: exceeded quota: small';
    const refused = obstacleOf({ pod: undefined, container: 'redis', events: [event('FailedCreate', quota)] });
    assert.deepEqual(refused, {
      why: `no pod is made: ${quota}`,
      next: 'Raise the quota of the namespace, or free some of it.',
      passes: false,
    });
    assert.equal(obstacleOf({ pod: undefined, container: 'redis', events: [] })?.passes, true);
  });

  it('waits for a pod before it that is still being ended, and names its node', () => {
    const pod = { metadata: { deletionTimestamp: new Date(0) }, spec: { nodeName: 'node7', containers: [] } };
    const found = obstacleOf({ pod, container: 'redis', events: [] });
    assert.deepEqual([found?.why, found?.passes], ['the pod before it is still being ended on node node7', true]);
    assert.match(found?.next ?? '', /two would write to one disk/);
  });

  it('waits for a volume that another node still has, and for an init container that works', () => {
    const attach = event('FailedAttachVolume', 'Multi-Attach error for volume "pvc-1"');
    assert.deepEqual(obstacle('configmap-missing', [attach]), {
      why: 'its volume is not mounted: Multi-Attach error for volume "pvc-1"',
      next: 'See which node or pod still has the volume.',
      passes: true,
    });
    const works = { name: 'prepare', ready: false, restartCount: 0, image: '', imageID: '', state: { running: {} } };
    const pod = { status: { initContainerStatuses: [works] } };
    assert.deepEqual(obstacleOf({ pod, container: 'redis', events: [] })?.why, 'init container prepare is not done yet');
  });

  it('does not tell without the right to list events what only an event says', () => {
    assert.deepEqual(obstacle('configmap-missing', [])?.why, 'it is being made');
  });

  it('is a back-off where a container has ended, and none where it was never made', () => {
    const inBackOff = Object.keys(recorded).filter((name) => isInBackOff(recorded[name]?.pod, 'redis'));
    assert.deepEqual(inBackOff.sort(), ['exits-0', 'exits-at-once', 'no-command', 'out-of-memory']);
  });
});
