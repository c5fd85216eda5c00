import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { hasCode, RecoveryError } from '../../model/errors.ts';
import { lastLines, reasonIn } from '../host/log-tail.ts';
import type { ProcessExit } from '../platform.ts';
import type { Cluster } from './cluster.ts';
import { containerStatusOf, findPod, identityOf } from './pod.ts';
import { logsOf } from './pod-log.ts';
import type { Look, PodRedis } from './pod-redis.ts';
import { endOf } from './trace.ts';
import { readWorkload, refuseScaled, scaleToNone } from './workload.ts';

const POLL_MS = 100;
/** The StatefulSet is asked for more seldom. */
const LOOK_AROUND_MS = 1_000;
/** Kubernetes' own, where a pod names none. */
const GRACE_SECONDS = 30;
const LAST_LINES = 40;

/**
 * Scales it to 0, having written down what it was, and returns when its pod is gone. Kubernetes itself kills a Redis that has not
 * ended when the grace of its pod is over.
 */
export async function stopPod(redis: PodRedis, withinMs?: number, signal?: AbortSignal): Promise<void> {
  const { cluster, workload, container, pod: first } = await redis.look(signal);
  if (workload.replicas > 1) throw severalReplicas(redis, workload.replicas);
  await scaleToNone(cluster, workload, signal);
  const graceMs = (workload.template.spec?.terminationGracePeriodSeconds ?? GRACE_SECONDS) * 1_000;
  const limitMs = withinMs ?? graceMs + redis.stopTimeoutMs;
  const begun = performance.now();
  let lookedAroundMs = begun;
  for (let pod = first; pod; pod = await findPod(cluster, workload, signal)) {
    const nowMs = performance.now();
    if (nowMs - begun > limitMs) throw stopFailed(redis, pod, await logsOf(cluster, pod, container.name, LAST_LINES), limitMs);
    if (nowMs - lookedAroundMs > LOOK_AROUND_MS) {
      lookedAroundMs = nowMs;
      refuseScaled(workload, await readWorkload(cluster, workload.name, signal), 0);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
  refuseScaled(workload, await readWorkload(cluster, workload.name, signal), 0);
}

const severalReplicas = ({ description }: PodRedis, replicas: number) =>
  new RecoveryError('PLATFORM_UNSUPPORTED', `${description} has ${replicas} replicas: to stop one of them would stop all`, {
    next: 'Scale it to 1 for the time of the operation.',
  });

function stopFailed({ description }: PodRedis, pod: V1Pod, lines: string[], afterMs: number) {
  const node = pod.spec?.nodeName;
  const log = lines.length > 0 ? `: ${reasonIn(lines)}` : '';
  return new RecoveryError(
    'STOP_FAILED',
    `${description}: pod ${pod.metadata?.name} is still there after ${afterMs / 1000} s${node ? `, on node ${node}` : ''}${log}`,
    {
      next: 'See whether its node is lost, or its volume does not come free. Force its deletion only if Redis surely does not run there.',
    },
  );
}

/** Deletes the pod of the very one that is meant, and returns when that is gone: another one may be there by then. */
export async function killPod(redis: PodRedis, identity: string, signal?: AbortSignal): Promise<void> {
  const { cluster, workload, container, pod } = await redis.look(signal);
  const found = identityOf(pod, container.name);
  if (!pod || found === undefined) return;
  if (found !== identity) throw another(redis, pod);
  if (!(await deletePod(cluster, pod, signal))) throw another(redis, pod);
  const isThere = async () => {
    const now = await findPod(cluster, workload, signal);
    return now?.metadata?.uid === pod.metadata?.uid && identityOf(now, container.name) === identity;
  };
  while (await isThere()) await sleep(POLL_MS, undefined, { signal });
}

const another = ({ description }: PodRedis, pod: V1Pod) =>
  new RecoveryError('TARGET_IDENTITY', `${description}: in pod ${pod.metadata?.name} another Redis runs now; it is left alone`, {
    next: 'Look at the Redis that runs now, and start the recovery again if it is needed.',
  });

/**
 * At once, but never by force: the API server would call it gone while it still runs, and two would write to one disk.
 * @returns false where another one has that name by now
 */
export async function deletePod(cluster: Cluster, { metadata }: V1Pod, signal?: AbortSignal): Promise<boolean> {
  const { namespace } = cluster;
  const [name = '', uid = ''] = [metadata?.name, metadata?.uid];
  try {
    await cluster.find(
      `delete pod ${name}`,
      (options) =>
        cluster.core.deleteNamespacedPod({ name, namespace, body: { gracePeriodSeconds: 1, preconditions: { uid } } }, options),
      signal,
    );
    return true;
  } catch (error) {
    if (hasCode(error, 'KUBERNETES_CONFLICT')) return false;
    throw error;
  }
}

/** Follows its log meanwhile: that of a pod is gone with it. */
export async function untilExited(redis: PodRedis, signal?: AbortSignal): Promise<ProcessExit> {
  const look = await redis.look(signal);
  const { cluster, workload, container, pod } = look;
  const identity = identityOf(pod, container.name);
  if (!pod || identity === undefined)
    return { ...exitOf(look), lastLines: await logsOf(cluster, pod, container.name, LAST_LINES) };
  using log = await cluster.followLog(workload.podName, container.name, LAST_LINES).catch(() => undefined);
  for (;;) {
    await sleep(POLL_MS, undefined, { signal });
    const now = await findPod(cluster, workload, signal);
    if (identityOf(now, container.name) === identity) continue;
    const isSamePod = now?.metadata?.uid === pod.metadata?.uid;
    return {
      ...(isSamePod ? exitOf({ ...look, pod: now }) : {}),
      lastLines: lastLines(log?.text() ?? '', LAST_LINES),
    };
  }
}

function exitOf({ pod, container }: Pick<Look, 'pod' | 'container'>): Omit<ProcessExit, 'lastLines'> {
  const { code, signal } = endOf(containerStatusOf(pod, container.name)) ?? {};
  return { ...(code === undefined ? {} : { code }), ...(signal === undefined ? {} : { signal }) };
}
