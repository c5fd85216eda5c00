import type { FilesPart } from '../../../activities/dependencies.ts';
import { openKubernetesPlatform } from '../../../platforms/kubernetes/kubernetes-platform.ts';
import type { Control } from '../../../platforms/platform.ts';
import { type RedisSetOptions, redisSet } from './redis-set.ts';
import { loadRedisImage, openNamespace, type TestNamespace } from './test-cluster.ts';

export interface Pod {
  metadata: { uid: string };
  status: { podIP?: string; containerStatuses?: { ready: boolean; restartCount: number; state: { running?: object } }[] };
}

/** A namespace with one StatefulSet `redis`, as the platform and as kubectl see it. */
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
  /** As if somebody had it that is beside it on its node. */
  files(): FilesPart;
  pod(): Pod | undefined;
  /** Adds a line to its redis.conf, in the ConfigMap. */
  addToConf(line: string): void;
}

export function openRedisInPod(): RedisInPod {
  loadRedisImage();
  const namespace = openNamespace();
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
    control: () => openKubernetesPlatform({ namespace: namespace.name, statefulSet: 'redis', address: address() }),
    address,
    volume,
    files: () => ({
      isAtHand: true,
      where: 'beside its volume',
      open: (layout) => ({ layout: { ...layout, dir: volume() } }),
      throwawayNeeds: async () => ({ directives: [] }),
      openPlacement: async () => ({ queue: 'volume', isOwn: true }),
      closePlacement: async () => undefined,
    }),
    pod: () => namespace.get<Pod>('pod', 'redis-0'),
    addToConf(line) {
      const map = namespace.get<{ data: Record<string, string> }>('configmap', 'redis');
      const text = `${map?.data['redis.conf']}\n${line}\n`;
      namespace.kubectl(['patch', 'configmap', 'redis', '--type=merge', '-p', JSON.stringify({ data: { 'redis.conf': text } })]);
    },
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
}
