import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { PlatformStatus } from '../platform.ts';
import type { Cluster } from './cluster.ts';
import type { Workload } from './workload.ts';

/** The pod of the one Redis that is meant; undefined where there is none, or one by that name that is not of that workload. */
export async function findPod(cluster: Cluster, { podName, uid }: Workload, signal?: AbortSignal): Promise<V1Pod | undefined> {
  const { namespace } = cluster;
  const pod = await cluster.find(
    `get pod ${podName}`,
    (options) => cluster.core.readNamespacedPod({ name: podName, namespace }, options),
    signal,
  );
  return pod?.metadata?.ownerReferences?.some((owner) => owner.uid === uid) ? pod : undefined;
}

export const containerStatusOf = (pod: V1Pod | undefined, container: string): V1ContainerStatus | undefined =>
  pod?.status?.containerStatuses?.find(({ name }) => name === container);

/** A pod keeps its uid when its container is started again, and the container has another id then. */
export function identityOf(pod: V1Pod | undefined, container: string): string | undefined {
  const status = containerStatusOf(pod, container);
  return status?.state?.running && status.containerID ? `${pod?.metadata?.uid} ${status.containerID}` : undefined;
}

export function statusOf(pod: V1Pod | undefined, container: string): PlatformStatus {
  const identity = identityOf(pod, container);
  if (identity === undefined) return { running: false };
  const { startedAt } = containerStatusOf(pod, container)?.state?.running ?? {};
  return {
    running: true,
    identity,
    name: `pod ${pod?.metadata?.name}`,
    ...(startedAt ? { sinceMs: new Date(startedAt).getTime() } : {}),
  };
}
