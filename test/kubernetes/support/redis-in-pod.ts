import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ClaimFiles, openClaimFiles } from '../../../platforms/kubernetes/claim-files.ts';
import type { HelperConfig } from '../../../platforms/kubernetes/helper-pod.ts';
import { openKubernetesPlatform } from '../../../platforms/kubernetes/kubernetes-platform.ts';
import type { Control } from '../../../platforms/platform.ts';
import { type RedisSetOptions, redisSet } from './redis-set.ts';
import { kubeconfigOfWorker } from './service-account.ts';
import { loadRedisImage, openNamespace, type TestNamespace } from './test-cluster.ts';
import { WORKER_IMAGE } from './worker-image.ts';

export interface Pod {
  metadata: { uid: string };
  status: { podIP?: string; containerStatuses?: { ready: boolean; restartCount: number; state: { running?: object } }[] };
}

/** A namespace with one StatefulSet `redis`, as the platform sees it with the rights of a worker, and as kubectl does. */
export interface RedisInPod extends AsyncDisposable {
  namespace: TestNamespace;
  /** Makes it what is asked for, from whatever it is. */
  become(options?: RedisSetOptions): void;
  /** A new one each time, as a restarted worker has it. */
  control(): Control;
  /** Of its Service, which it keeps. */
  address(): { host: string; port: number };
  /** Of its volume, on this machine. */
  volume(): string;
  /** Its files as the platform reaches them, by a helper. */
  claimFiles(): ClaimFiles;
  /** What `instances.*.platform` says of it. */
  platform(): { type: 'kubernetes'; namespace: string; statefulSet: string; kubeconfig: string; helper: HelperConfig };
  /** Gives helpers their redis-backup.yaml, and what it names by `{env: …}`. */
  configureHelper(config: object, secrets?: Record<string, string>): void;
  pod(): Pod | undefined;
  /** Adds a line to its redis.conf, in the ConfigMap. */
  addToConf(line: string): void;
}

const HELPER: HelperConfig = { image: WORKER_IMAGE, configMap: 'redis-backup', secret: 'redis-backup' };

export function openRedisInPod(): RedisInPod {
  loadRedisImage();
  const namespace = openNamespace();
  const kubeconfig = kubeconfigOfWorker(namespace);
  const platform = { namespace: namespace.name, statefulSet: 'redis' };
  const address = () => {
    const { spec } = namespace.get<{ spec: { clusterIP: string } }>('service', 'redis') ?? {};
    return { host: spec?.clusterIP ?? '', port: 6379 };
  };
  const volume = () => {
    const claim = namespace.get<{ spec: { volumeName: string } }>('pvc', 'data-redis-0');
    const found = namespace.get<{ spec: { local: { path: string } } }>('pv', claim?.spec.volumeName ?? '');
    return found?.spec.local.path ?? '';
  };
  return {
    namespace,
    become: (options) => namespace.apply(...redisSet(options)),
    control: () => openKubernetesPlatform({ ...platform, access: { kubeconfig }, address: address() }),
    address,
    volume,
    claimFiles: () => openClaimFiles({ ...platform, access: { kubeconfig } }, HELPER),
    platform: () => ({ type: 'kubernetes', ...platform, kubeconfig, helper: HELPER }),
    configureHelper: (config, secrets = {}) =>
      namespace.apply(
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: HELPER.secret }, stringData: secrets },
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: HELPER.configMap },
          data: { 'redis-backup.yaml': JSON.stringify(config) },
        },
      ),
    pod: () => namespace.get<Pod>('pod', 'redis-0'),
    addToConf(line) {
      const map = namespace.get<{ data: Record<string, string> }>('configmap', 'redis');
      const text = `${map?.data['redis.conf']}\n${line}\n`;
      namespace.kubectl(['patch', 'configmap', 'redis', '--type=merge', '-p', JSON.stringify({ data: { 'redis.conf': text } })]);
    },
    async [Symbol.asyncDispose]() {
      await namespace[Symbol.asyncDispose]();
      rmSync(dirname(kubeconfig), { recursive: true, force: true });
    },
  };
}
