import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { RecoveryError } from '../../model/errors.ts';
import { reasonIn } from '../host/log-tail.ts';
import type { PlatformStatus } from '../platform.ts';
import { findHelper } from './claim-files.ts';
import { deletePod } from './end-pod.ts';
import { eventsOf } from './events.ts';
import { helperName } from './helper-pod.ts';
import { isInBackOff, type Obstacle, obstacleOf } from './obstacle.ts';
import { containerStatusOf, findPod, identityOf, statusOf } from './pod.ts';
import { logsOf } from './pod-log.ts';
import type { Look, PodRedis } from './pod-redis.ts';
import { Stuck } from './stuck.ts';
import { forgetReplicas, readWorkload, refuseScaled, scaleBack } from './workload.ts';

const POLL_MS = 100;
/** Events and the StatefulSet are asked for more seldom. */
const LOOK_AROUND_MS = 1_000;
/** A container that ends at once may be seen running: one that does not listen yet must stay so long. */
const SETTLED_MS = 1_000;
/** What does not pass by itself may still be mended by whoever is at it. */
const STAYS_FOR_MS = 10_000;
const LAST_LINES = 40;

/** Scales it back where it is at 0, and ends a back-off by deleting the pod; then waits for its container. */
export async function startPod(redis: PodRedis, signal?: AbortSignal): Promise<PlatformStatus> {
  const look = await redis.look(signal);
  const { cluster, workload, container, pod } = look;
  if (!(isUp(pod) && identityOf(pod, container.name))) {
    if (await findHelper(look, signal)) throw volumeInUse(redis, helperName(workload));
    if (workload.replicas === 0) await scaleBack(cluster, workload, signal);
    else if (pod && isUp(pod) && isInBackOff(pod, container.name)) await deletePod(cluster, pod, signal);
    await untilUp(redis, look, signal);
  }
  const now = await redis.look(signal);
  await forgetReplicas(cluster, now.workload, signal);
  return statusOf(now.pod, container.name);
}

const volumeInUse = ({ description }: PodRedis, helper: string) =>
  new RecoveryError('START_FAILED', `${description} is not started: pod ${helper} still has its volume`, {
    next: `See which operation uses it. If none runs any more: kubectl delete pod ${helper}.`,
  });

const isUp = (pod: V1Pod | undefined): pod is V1Pod => pod !== undefined && pod.metadata?.deletionTimestamp === undefined;

async function untilUp(
  redis: PodRedis,
  { cluster, workload, container, pod: before }: Look,
  signal?: AbortSignal,
): Promise<void> {
  const begun = performance.now();
  const beganAtMs = Date.now() - LOOK_AROUND_MS; // events have whole seconds
  const replicas = workload.replicas || (workload.replicasKept ?? 1);
  const stuck = new Stuck();
  let run: { identity: string; sinceMs: number } | undefined;
  let lookedAroundMs = begun;
  for (;;) {
    const pod = await findPod(cluster, workload, signal);
    const nowMs = performance.now();
    const identity = isUp(pod) ? identityOf(pod, container.name) : undefined;
    if (identity !== undefined && run?.identity !== identity) run = { identity, sinceMs: nowMs };
    if (pod && identity !== undefined && run && (await isSettled(pod, container.name, nowMs - run.sinceMs, container.ports)))
      return;
    if (isUp(pod) && hasEnded(pod, container.name, before)) throw await startFailed(redis, pod, container.name, undefined);
    if (nowMs - lookedAroundMs > LOOK_AROUND_MS && identity === undefined) {
      lookedAroundMs = nowMs;
      refuseScaled(workload, await readWorkload(cluster, workload.name, signal), replicas);
      const events = await eventsOf(cluster, workload, pod, beganAtMs, signal);
      const obstacle = obstacleOf({ pod, container: container.name, events });
      const isOver = nowMs - begun > redis.startTimeoutMs;
      if (obstacle && (isOver || stuck.forMs(obstacle, nowMs) > STAYS_FOR_MS))
        throw await startFailed(redis, pod, container.name, obstacle);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Redis listens before it loads. From where we stand it may not be reached. */
async function isSettled(
  pod: V1Pod,
  container: string,
  forMs: number,
  ports: { containerPort: number }[] = [],
): Promise<boolean> {
  if (forMs > SETTLED_MS || containerStatusOf(pod, container)?.ready) return true;
  const host = pod.status?.podIP;
  const [port] = ports.map(({ containerPort }) => containerPort);
  return host !== undefined && port !== undefined && (await answersAt(host, port));
}

const answersAt = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: POLL_MS });
    const end = (answers: boolean) => () => {
      socket.destroy();
      resolve(answers);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });

/** A run of this start has ended: not the one before it, which we have just taken out of its back-off. */
function hasEnded(pod: V1Pod, container: string, before: V1Pod | undefined): boolean {
  if (!isInBackOff(pod, container)) return false;
  const known = containerStatusOf(before, container)?.containerID;
  return containerStatusOf(pod, container)?.containerID !== known || pod.metadata?.uid !== before?.metadata?.uid;
}

async function startFailed(
  redis: PodRedis,
  pod: V1Pod | undefined,
  container: string,
  known: Obstacle | undefined,
): Promise<RecoveryError> {
  const obstacle = known ?? obstacleOf({ pod, container, events: [] });
  const lines = await logsOf(await redis.cluster(), pod, container, LAST_LINES);
  const said = lines.length > 0 ? `: ${reasonIn(lines)}` : '';
  return new RecoveryError('START_FAILED', `${redis.description} did not start (${obstacle?.why ?? 'it does not run'})${said}`, {
    next: obstacle?.next ?? 'Look at its pod.',
  });
}
