import { constants } from 'node:os';
import type { V1ConfigMap, V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { MemoryKill, PlatformMemory, PlatformTrace } from '../platform.ts';
import type { Cluster } from './cluster.ts';
import { configMapsOf } from './mounted-files.ts';
import { containerStatusOf } from './pod.ts';
import type { Look, PodRedis } from './pod-redis.ts';
import { bytesOf } from './quantity.ts';

/** Exit codes above it are signals: the container runtime names none. */
const SIGNALLED = 128;

const terminatedOf = (status: V1ContainerStatus | undefined) => status?.state?.terminated ?? status?.lastState?.terminated;

/** How the last container of a pod ended. */
export function endOf(status: V1ContainerStatus | undefined): PlatformTrace['end'] {
  const end = terminatedOf(status);
  if (!end) return undefined;
  const at = end.finishedAt ? { atMs: new Date(end.finishedAt).getTime() } : {};
  const signal = Object.entries(constants.signals).find(([, number]) => number === end.exitCode - SIGNALLED)?.[0];
  return signal === undefined ? { code: end.exitCode, ...at } : { signal, ...at };
}

/** How its last container ended and what has changed since, by the kubelet and the ConfigMaps. */
export async function traceOf(redis: PodRedis): Promise<PlatformTrace> {
  const { cluster, workload, container, pod } = await redis.look();
  const status = containerStatusOf(pod, container.name);
  const end = endOf(status);
  const maps = await configMapsThat(cluster, configMapsOf(workload.template.spec ?? { containers: [] }, container));
  const changes = maps.flatMap((map) => changedAtMs(map) ?? []);
  return {
    ...(end ? { end } : {}),
    ...(terminatedOf(status)?.reason === 'OOMKilled' ? { oomKilled: true } : {}),
    crashLoop: isCrashLoop(status),
    ...(changes.length > 0 ? { configChangedAtMs: Math.max(...changes) } : {}),
  };
}

/** It is started again and again: its next start is put off, or has been before. */
const isCrashLoop = (status: V1ContainerStatus | undefined): boolean =>
  status?.state?.waiting?.reason === 'CrashLoopBackOff' || (status?.state?.terminated !== undefined && status.restartCount > 0);

export const configMapsThat = async (cluster: Cluster, names: readonly string[]): Promise<V1ConfigMap[]> => {
  const { namespace } = cluster;
  const maps = await Promise.all(
    names.map((name) =>
      cluster.find(`get ConfigMap ${name}`, (options) => cluster.core.readNamespacedConfigMap({ name, namespace }, options)),
    ),
  );
  return maps.filter((map) => map !== undefined);
};

/** As the API server has it: when somebody last wrote a field of it. */
export function changedAtMs({ metadata }: V1ConfigMap): number | undefined {
  const times = [metadata?.creationTimestamp, ...(metadata?.managedFields ?? []).map(({ time }) => time)];
  const known = times.flatMap((time) => (time ? [new Date(time).getTime()] : []));
  return known.length > 0 ? Math.max(...known) : undefined;
}

/** By the kubelet, which names a kill for memory inside its limit; one of the whole node looks like any other kill. */
export function memoryKillOf({ pod, container }: Pick<Look, 'pod' | 'container'>): MemoryKill {
  const status = containerStatusOf(pod, container.name);
  const end = terminatedOf(status);
  if (!end) return { verdict: 'unknown', why: `the kubelet knows of no end of container ${container.name}` };
  if (end.reason === 'OOMKilled') return { verdict: 'yes', why: `the kubelet says OOMKilled of container ${container.name}` };
  if (endOf(status)?.signal !== 'SIGKILL')
    return { verdict: 'no', why: `the kubelet says ${end.reason}, exit code ${end.exitCode}` };
  return {
    verdict: 'possible',
    why: 'it was killed, and not for its own limit: its node may have run out of memory',
  };
}

export function memoryOf(pod: V1Pod | undefined, { workload, container }: Pick<Look, 'workload' | 'container'>): PlatformMemory {
  const spec = pod?.spec ?? workload.template.spec;
  const limits = [
    spec?.containers.find(({ name }) => name === container.name)?.resources?.limits?.memory,
    spec?.resources?.limits?.memory,
  ].flatMap((text) => bytesOf(text) ?? []);
  return limits.length > 0 ? { limit: { limitBytes: Math.min(...limits) } } : {};
}
