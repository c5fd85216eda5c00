import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { RecoveryError } from '../../model/errors.ts';
import type { OpenedPlacement } from '../../model/placement.ts';
import { reasonIn } from '../host/log-tail.ts';
import type { DataLayout, Files } from '../platform.ts';
import type { Cluster } from './cluster.ts';
import { claimAt, isWithin } from './container.ts';
import { readContainerConf } from './container-conf.ts';
import { deletePod } from './end-pod.ts';
import { eventsOf } from './events.ts';
import { HELPER, type HelperConfig, helperName, helperPod, QUEUE_ANNOTATION, TOLD } from './helper-pod.ts';
import { obstacleOf } from './obstacle.ts';
import { logsOf } from './pod-log.ts';
import { type KubernetesPlatformConfig, type Look, type PodRedis, podRedis } from './pod-redis.ts';
import { Stuck } from './stuck.ts';

/** The files of a Redis that a StatefulSet runs, which a helper reaches on the claim: one at a time. */
export interface ClaimFiles {
  /** This process is that helper. */
  isAtHand: boolean;
  open(layout: DataLayout): Files;
  throwawayNeeds(): Promise<{ directives: [string, ...string[]][] }>;
  openPlacement(options: { readOnly: boolean; signal: AbortSignal }): Promise<OpenedPlacement>;
  closePlacement(): Promise<void>;
}

const POLL_MS = 100;
const LOOK_AROUND_MS = 1_000;
const STAYS_FOR_MS = 10_000;
const OPENS_WITHIN_MS = 60_000;
/** What a worker says when it has begun to ask its queue. */
const READY = /worker is ready/;
const LOG_LINES = 40;

/** @see FilesPart */
export function openClaimFiles(config: KubernetesPlatformConfig, helper: HelperConfig): ClaimFiles {
  const redis = podRedis(config);
  const { env } = process;
  return {
    isAtHand: env[TOLD.filesOf] === `${config.namespace}/${config.statefulSet}`,
    open(layout) {
      const mount = env[TOLD.mountPath];
      if (mount !== undefined && isWithin(layout.dir, mount)) return { layout };
      throw new RecoveryError(
        'PLATFORM_UNSUPPORTED',
        `${layout.dir} is not on the claim of ${redis.description}${mount === undefined ? '' : `, which is mounted at ${mount}`}`,
        { next: 'Let `dir` of its redis.conf be a directory of the claim.' },
      );
    },
    throwawayNeeds: async () => ({ directives: JSON.parse(env[TOLD.directives] ?? '[]') }),
    openPlacement: ({ signal }) => openHelper(redis, helper, signal),
    closePlacement: () => closeHelper(redis),
  };
}

/** The one that is there and ready; else a new one, once the other is gone. */
async function openHelper(redis: PodRedis, config: HelperConfig, signal: AbortSignal): Promise<OpenedPlacement> {
  const look = await redis.look(signal);
  const known = await findHelper(look, signal);
  const queue = known?.metadata?.annotations?.[QUEUE_ANNOTATION];
  if (known && queue !== undefined && (await isReady(look.cluster, known))) return { queue, isOwn: true };
  if (known) await endHelper(look, known, signal);
  return { queue: await beginHelper(redis, look, config, signal), isOwn: true };
}

export async function closeHelper(redis: PodRedis, signal?: AbortSignal): Promise<void> {
  const look = await redis.look(signal);
  const known = await findHelper(look, signal);
  if (known) await endHelper(look, known, signal);
}

export const findHelper = (
  { cluster, workload }: Pick<Look, 'cluster' | 'workload'>,
  signal?: AbortSignal,
): Promise<V1Pod | undefined> =>
  cluster.find(
    `get pod ${helperName(workload)}`,
    (options) => cluster.core.readNamespacedPod({ name: helperName(workload), namespace: cluster.namespace }, options),
    signal,
  );

async function endHelper(look: Look, helper: V1Pod, signal?: AbortSignal): Promise<void> {
  await deletePod(look.cluster, helper, signal);
  while ((await findHelper(look, signal))?.metadata?.uid === helper.metadata?.uid) await sleep(POLL_MS, undefined, { signal });
}

const isReady = async (cluster: Cluster, helper: V1Pod): Promise<boolean> =>
  helper.status?.phase === 'Running' &&
  helper.metadata?.deletionTimestamp === undefined &&
  (await logsOf(cluster, helper, HELPER, LOG_LINES)).some((line) => READY.test(line));

async function beginHelper(redis: PodRedis, look: Look, config: HelperConfig, signal: AbortSignal): Promise<string> {
  const { cluster, workload, container, pod } = look;
  const { namespace } = cluster;
  const { conf } = await readContainerConf(cluster, workload, container, signal);
  const mount = claimAt(workload, container, conf.dir);
  if (!mount) throw notOnClaim(redis, conf.dir);
  const queue = `volume/${namespace}/${workload.podName}/${randomUUID()}`;
  const nodeName = pod?.spec?.nodeName;
  const body = helperPod({ namespace, workload, container, mount, nodeName, queue, directives: conf.loadDirectives }, config);
  const beganAtMs = Date.now() - LOOK_AROUND_MS;
  await cluster.ask(
    `create pod ${body.metadata?.name}`,
    (options) => cluster.core.createNamespacedPod({ namespace, body }, options),
    signal,
  );
  try {
    await untilReady(redis, look, beganAtMs, signal);
    return queue;
  } catch (error) {
    await closeHelper(redis).catch(() => undefined); // the error that is thrown says more; the next one ends it first
    throw error;
  }
}

const notOnClaim = ({ description }: PodRedis, dir: string) =>
  new RecoveryError('PLATFORM_UNSUPPORTED', `${description} keeps its data in ${dir}, and no claim is mounted there`, {
    next: 'Mount a claim where `dir` of its redis.conf is: what is not on one is gone with each pod.',
  });

async function untilReady(redis: PodRedis, look: Look, beganAtMs: number, signal: AbortSignal): Promise<void> {
  const { cluster, workload } = look;
  const begun = performance.now();
  const stuck = new Stuck();
  let lookedAroundMs = begun;
  for (;;) {
    const helper = await findHelper(look, signal);
    if (helper && (await isReady(cluster, helper))) return;
    const nowMs = performance.now();
    if (nowMs - lookedAroundMs > LOOK_AROUND_MS) {
      lookedAroundMs = nowMs;
      const events = await eventsOf(cluster, workload, helper, beganAtMs, signal);
      const found = obstacleOf({ pod: helper, container: HELPER, events });
      const stays = found !== undefined && (stuck.forMs(found, nowMs) > STAYS_FOR_MS || /exit code/.test(found.why));
      if (stays || nowMs - begun > OPENS_WITHIN_MS) {
        const lines = await logsOf(cluster, helper, HELPER, LOG_LINES);
        const said = lines.length > 0 ? `: ${reasonIn(lines)}` : '';
        const why = found?.why ?? `it is not ready after ${OPENS_WITHIN_MS / 1000} s`;
        throw new RecoveryError(
          'PLACE_UNREACHABLE',
          `nobody reaches the files of ${redis.description}: pod ${helperName(workload)}, ${why}${said}`,
          {
            next: found?.next ?? 'See the log of that pod, and whether it reaches Temporal.',
          },
        );
      }
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
