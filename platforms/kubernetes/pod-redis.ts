import type { V1Container, V1Pod } from '@kubernetes/client-node';
import type { ClusterAccess } from './access.ts';
import type { Cluster } from './cluster.ts';
import { redisContainer } from './container.ts';
import { findPod } from './pod.ts';
import { readWorkload, type Workload } from './workload.ts';

export interface KubernetesPlatformConfig {
  namespace: string;
  statefulSet: string;
  /** Which of its containers is the Redis. Default: the one that looks like it. */
  container?: string;
  access?: ClusterAccess;
  /** Where the instance is reached: tells whether the server that answers is this one. */
  address?: { host: string; port: number };
  /** How long a stop may take before STOP_FAILED, beside the grace that the pod itself gives. Default 30 s. */
  stopTimeoutMs?: number;
  /** How long until its container must run. Default 60 s. */
  startTimeoutMs?: number;
}

/** A Redis that a StatefulSet runs. Nothing is looked at, and no library loaded, before it is asked. */
export interface PodRedis {
  description: string;
  address: { host: string; port: number } | undefined;
  stopTimeoutMs: number;
  startTimeoutMs: number;
  cluster(): Promise<Cluster>;
  /** All of it in this moment. @throws RecoveryError `KUBERNETES_MISSING` */
  look(signal?: AbortSignal): Promise<Look>;
}

export interface Look {
  cluster: Cluster;
  workload: Workload;
  container: V1Container;
  pod: V1Pod | undefined;
}

export function podRedis(config: KubernetesPlatformConfig): PodRedis {
  const { namespace, statefulSet, address, access, stopTimeoutMs = 30_000, startTimeoutMs = 60_000 } = config;
  let opened: Promise<Cluster> | undefined;
  const cluster = () => {
    // The client takes seconds to load on a busy machine, and only who asks a cluster needs it.
    opened ??= import('./cluster.ts').then(({ openCluster }) => openCluster(namespace, access));
    return opened;
  };
  return {
    description: `StatefulSet ${statefulSet} in namespace ${namespace}`,
    address,
    stopTimeoutMs,
    startTimeoutMs,
    cluster,
    async look(signal) {
      const reached = await cluster();
      const workload = await readWorkload(reached, statefulSet, signal);
      const container = redisContainer(workload, config.container);
      return { cluster: reached, workload, container, pod: await findPod(reached, workload, signal) };
    },
  };
}
