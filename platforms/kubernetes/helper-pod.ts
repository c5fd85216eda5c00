import type { V1Container, V1Pod, V1PodSpec } from '@kubernetes/client-node';
import type { ClaimMount } from './container.ts';
import type { Workload } from './workload.ts';

/** What stands beside a volume for an operation: a worker of one queue, without rights in the cluster. */
export interface HelperConfig {
  /** With `redis-backup` in it. */
  image: string;
  /** Has redis-backup.yaml, as the other workers have it. */
  configMap: string;
  /** Its keys are environment variables of the helper: what redis-backup.yaml names by `{env: …}`. */
  secret?: string;
}

/** What a helper is told, as environment variables. */
export const TOLD = {
  filesOf: 'REDIS_BACKUP_FILES_OF',
  mountPath: 'REDIS_BACKUP_FILES_AT',
  directives: 'REDIS_BACKUP_LOAD_DIRECTIVES',
} as const;

export const HELPER = 'helper';
/** For people, who find all helpers by it. Its value is the name of the pod of Redis. */
const HELPER_LABEL = 'redis-backup/files-of';
export const QUEUE_ANNOTATION = 'redis-backup/queue';
/** Longer than the longest transfer: one that nobody has closed ends by itself. */
const DEADLINE_SECONDS = 24 * 3_600;
const CONFIG_DIRECTORY = '/etc/redis-backup';

export const helperName = ({ podName }: Pick<Workload, 'podName'>): string => `${podName}-files`;

interface HelperOf {
  namespace: string;
  workload: Workload;
  container: V1Container;
  mount: ClaimMount;
  /** Of the node where Redis runs: a volume is at one node at a time. */
  nodeName?: string | undefined;
  queue: string;
  directives: readonly (readonly string[])[];
}

/** As the user that Redis runs as, with its claim where Redis has it: what it writes, Redis can read. */
export function helperPod(
  { namespace, workload, container, mount, nodeName, queue, directives }: HelperOf,
  { image, configMap, secret }: HelperConfig,
): V1Pod {
  const { nodeSelector, tolerations, securityContext, imagePullSecrets, priorityClassName } = workload.template.spec ?? {};
  const told = {
    [TOLD.filesOf]: `${namespace}/${workload.name}`,
    [TOLD.mountPath]: mount.mountPath,
    [TOLD.directives]: JSON.stringify(directives),
    HOME: '/tmp',
    NODE_COMPILE_CACHE: '/tmp/compiled',
    MALLOC_ARENA_MAX: '2',
  };
  const spec: V1PodSpec = {
    restartPolicy: 'Never',
    activeDeadlineSeconds: DEADLINE_SECONDS,
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(nodeSelector ? { nodeSelector } : {}),
    ...(tolerations ? { tolerations } : {}),
    ...(securityContext ? { securityContext } : {}),
    ...(imagePullSecrets ? { imagePullSecrets } : {}),
    ...(priorityClassName ? { priorityClassName } : {}),
    ...(nodeName ? { affinity: { nodeAffinity: onNode(nodeName) } } : {}),
    containers: [
      {
        name: HELPER,
        image,
        command: ['redis-backup', 'worker', '--config', `${CONFIG_DIRECTORY}/redis-backup.yaml`, '--queue', queue],
        env: Object.entries(told).map(([name, value]) => ({ name, value })),
        ...(secret ? { envFrom: [{ secretRef: { name: secret } }] } : {}),
        securityContext: {
          ...container.securityContext,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
        volumeMounts: [
          { name: 'files', mountPath: mount.mountPath, ...(mount.subPath ? { subPath: mount.subPath } : {}) },
          { name: 'config', mountPath: CONFIG_DIRECTORY, readOnly: true },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'files', persistentVolumeClaim: { claimName: mount.claim } },
      { name: 'config', configMap: { name: configMap } },
      { name: 'tmp', emptyDir: {} },
    ],
  };
  return {
    metadata: {
      name: helperName(workload),
      labels: { [HELPER_LABEL]: workload.podName },
      annotations: { [QUEUE_ANNOTATION]: queue },
      // Not its controller: it goes with the StatefulSet, which makes nothing of it.
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: workload.name, uid: workload.uid }],
    },
    spec,
  };
}

const onNode = (name: string) => ({
  requiredDuringSchedulingIgnoredDuringExecution: {
    nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }],
  },
});
