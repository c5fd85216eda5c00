import type { CoreV1Event, V1Pod } from '@kubernetes/client-node';
import { hasCode } from '../../model/errors.ts';
import type { Cluster } from './cluster.ts';
import type { Workload } from './workload.ts';

/** What was said lately of a pod, of its claims and of what makes it, the oldest first. Empty where we may not list events. */
export async function eventsOf(
  cluster: Cluster,
  workload: Workload,
  pod: V1Pod | undefined,
  sinceMs: number,
  signal?: AbortSignal,
): Promise<CoreV1Event[]> {
  const claims = (pod?.spec?.volumes ?? []).flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
  const list = async (fieldSelector: string): Promise<CoreV1Event[]> => {
    const { namespace } = cluster;
    const { items } = await cluster
      .ask('list events', (options) => cluster.core.listNamespacedEvent({ namespace, fieldSelector }, options), signal)
      .catch((error: unknown) => {
        if (hasCode(error, 'KUBERNETES_DENIED')) return { items: [] };
        throw error;
      });
    return items;
  };
  const lists = await Promise.all([
    ...(pod ? [list(`involvedObject.uid=${pod.metadata?.uid}`)] : [list(`involvedObject.uid=${workload.uid}`)]),
    ...claims.map((claim) => list(`involvedObject.kind=PersistentVolumeClaim,involvedObject.name=${claim}`)),
  ]);
  // A pod that is there has its own; what was said of the StatefulSet or a claim an hour ago is of another start.
  const isRecent = (event: CoreV1Event) => event.involvedObject.uid === pod?.metadata?.uid || timeOf(event) >= sinceMs;
  return lists
    .flat()
    .filter(isRecent)
    .sort((one, other) => timeOf(one) - timeOf(other));
}

const timeOf = ({ lastTimestamp, eventTime, firstTimestamp }: CoreV1Event): number =>
  new Date(lastTimestamp ?? eventTime ?? firstTimestamp ?? 0).getTime();
