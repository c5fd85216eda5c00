import type { V1PodTemplateSpec, V1StatefulSet } from '@kubernetes/client-node';
import { hasCode, RecoveryError } from '../../model/errors.ts';
import type { Cluster } from './cluster.ts';

/** What runs a Redis as a pod: a StatefulSet as it is in this moment. */
export interface Workload {
  /** For messages: `StatefulSet redis`. */
  description: string;
  name: string;
  uid: string;
  resourceVersion: string;
  replicas: number;
  /** What it was before we scaled it to 0. */
  replicasKept?: number;
  /** Of the one Redis that is meant. */
  podName: string;
  template: V1PodTemplateSpec;
  /** Names of the claims that it makes, each with the name of the pod behind it. */
  claimTemplates: string[];
  /** What the next pod is made from; absent: the controller has not seen the last change yet. */
  nextRevision?: string;
  /** Who could change it beside us, by their own words: labels and owners. */
  source: V1StatefulSet;
}

/** While we have it scaled to 0: what it was. */
export const KEPT = 'redis-backup/replicas';

/** @throws RecoveryError `KUBERNETES_MISSING` */
export async function readWorkload(cluster: Cluster, name: string, signal?: AbortSignal): Promise<Workload> {
  const { namespace } = cluster;
  return workloadOf(
    await cluster.ask(
      `get StatefulSet ${name}`,
      (options) => cluster.apps.readNamespacedStatefulSet({ name, namespace }, options),
      signal,
    ),
  );
}

export function workloadOf(source: V1StatefulSet): Workload {
  const { metadata = {}, spec, status } = source;
  const name = metadata.name ?? '';
  const kept = Number(metadata.annotations?.[KEPT] ?? Number.NaN);
  const isSeen = status?.observedGeneration !== undefined && status.observedGeneration >= (metadata.generation ?? 0);
  return {
    description: `StatefulSet ${name}`,
    name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    replicas: spec?.replicas ?? 1,
    ...(Number.isInteger(kept) && kept > 0 ? { replicasKept: kept } : {}),
    podName: `${name}-${spec?.ordinals?.start ?? 0}`,
    template: spec?.template ?? {},
    claimTemplates: (spec?.volumeClaimTemplates ?? []).map((claim) => claim.metadata?.name ?? ''),
    ...(isSeen && status.updateRevision ? { nextRevision: status.updateRevision } : {}),
    source,
  };
}

/** Remembers on the StatefulSet itself what it was, then scales it to 0. Idempotent. @throws RecoveryError `KUBERNETES_CONFLICT` */
export async function scaleToNone(cluster: Cluster, seen: Workload, signal?: AbortSignal): Promise<void> {
  if (seen.replicas === 0) return;
  const marked = await unlessScaled(cluster, seen, signal, (workload) =>
    annotate(cluster, workload, String(workload.replicas), signal),
  );
  await unlessScaled(cluster, marked, signal, (workload) => scale(cluster, workload, 0, signal));
}

/** Back to what it was. @throws RecoveryError `KUBERNETES_CONFLICT` */
export async function scaleBack(cluster: Cluster, seen: Workload, signal?: AbortSignal): Promise<void> {
  await unlessScaled(cluster, seen, signal, (workload) => scale(cluster, workload, workload.replicasKept ?? 1, signal));
}

/** It runs again: nobody needs to know any more what it was. */
export async function forgetReplicas(cluster: Cluster, seen: Workload, signal?: AbortSignal): Promise<void> {
  if (seen.source.metadata?.annotations?.[KEPT] === undefined) return;
  await unlessScaled(cluster, seen, signal, (workload) => annotate(cluster, workload, null, signal));
}

const annotate = async (cluster: Cluster, workload: Workload, value: string | null, signal?: AbortSignal): Promise<Workload> =>
  workloadOf(
    await cluster.ask(
      `patch ${workload.description}`,
      (options) =>
        cluster.apps.patchNamespacedStatefulSet(
          {
            name: workload.name,
            namespace: cluster.namespace,
            fieldManager: FIELD_MANAGER,
            body: { metadata: { resourceVersion: workload.resourceVersion, annotations: { [KEPT]: value } } },
          },
          cluster.asMerge(options),
        ),
      signal,
    ),
  );

const scale = (
  cluster: Cluster,
  { name, description, resourceVersion }: Workload,
  replicas: number,
  signal?: AbortSignal,
): Promise<unknown> =>
  cluster.ask(
    `scale ${description}`,
    (options) =>
      cluster.apps.replaceNamespacedStatefulSetScale(
        {
          name,
          namespace: cluster.namespace,
          fieldManager: FIELD_MANAGER,
          body: { metadata: { name, namespace: cluster.namespace, resourceVersion }, spec: { replicas } },
        },
        options,
      ),
    signal,
  );

const FIELD_MANAGER = 'redis-backup';

/** Its controller writes its status all the time: a conflict is one only if somebody has scaled it or made it anew. */
async function unlessScaled<T>(
  cluster: Cluster,
  seen: Workload,
  signal: AbortSignal | undefined,
  change: (workload: Workload) => Promise<T>,
): Promise<T> {
  let workload = seen;
  for (;;) {
    try {
      return await change(workload);
    } catch (error) {
      if (!hasCode(error, 'KUBERNETES_CONFLICT')) throw error;
      const now = await readWorkload(cluster, seen.name, signal);
      refuseScaled(seen, now, seen.replicas);
      if (now.resourceVersion === workload.resourceVersion) throw error;
      workload = now;
    }
  }
}

/** @throws RecoveryError `KUBERNETES_CONFLICT` where it is not the one that was seen, or has other replicas than we have set */
export function refuseScaled(seen: Pick<Workload, 'uid'>, now: Workload, replicas: number): void {
  if (now.uid === seen.uid && now.replicas === replicas) return;
  const what =
    now.uid === seen.uid
      ? `somebody else has scaled ${now.description} to ${now.replicas} in the middle, where ${replicas} was right`
      : `somebody else has deleted ${now.description} and made another one by that name in the middle`;
  throw new RecoveryError('KUBERNETES_CONFLICT', `${what}: it is left as it is`, {
    next: 'Look who does that (a person, an operator, an autoscaler, a GitOps tool) and have it rest; then start the operation again.',
  });
}
