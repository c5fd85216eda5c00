import { hostname } from 'node:os';
import type { Connection } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import { fingerprintOf } from '../config/fingerprint.ts';
import { instanceNames } from '../config/load.ts';
import { targetOf } from '../config/target.ts';
import { ANY_HOST, formatTarget, named, type Target } from '../model/deployment.ts';
import { RecoveryError } from '../model/errors.ts';
import { formatList } from '../model/format.ts';
import { hostQueue, QUEUES } from '../model/operations.ts';
import { parseIdentity, restOf, type WorkerIdentity } from './identity.ts';

/** temporal.api.enums.v1: TASK_QUEUE_TYPE_WORKFLOW and TASK_QUEUE_TYPE_ACTIVITY. */
export const QUEUE_TYPE = { workflow: 1, activity: 2 } as const;

/** A poll lasts a minute at most, and Temporal lists for five who has polled: whoever has not asked again is gone. */
const GONE_AFTER_MS = 75_000;

/** The workers of ours that poll a queue now, as far as Temporal and this machine know. */
export async function pollersOf(
  { workflowService }: Pick<Connection, 'workflowService'>,
  namespace: string,
  queue: string,
  taskQueueType: number,
  now: number,
): Promise<WorkerIdentity[]> {
  const { pollers } = await workflowService.describeTaskQueue({ namespace, taskQueue: { name: queue }, taskQueueType });
  const newest = new Map<string, { worker: WorkerIdentity; atMs: number }>();
  for (const { identity, lastAccessTime } of pollers ?? []) {
    const worker = parseIdentity(identity ?? '');
    const atMs = Number(lastAccessTime?.seconds ?? 0) * 1000 + Number(lastAccessTime?.nanos ?? 0) / 1e6;
    if (!worker || now - atMs > GONE_AFTER_MS || hasEnded(worker)) continue;
    // One process that has taken a changed configuration over is listed as two for a while.
    const process = `${worker.name}@${worker.machine}`;
    if (atMs >= (newest.get(process)?.atMs ?? 0)) newest.set(process, { worker, atMs });
  }
  return [...newest.values()].map(({ worker }) => worker);
}

/** Known of processes of this very machine only. */
function hasEnded({ machine, pid }: WorkerIdentity): boolean {
  if (machine !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'; // EPERM: it lives, and belongs to somebody else
  }
}

/** How a worker means the same instance; undefined when it does not say. */
export function pollerView(worker: WorkerIdentity, target: Target): { same: boolean; words: string; host?: string } | undefined {
  const view = worker.instances.find(({ instance }) => instance === target.instance);
  if (!view) return undefined;
  const sameHost = target.host === ANY_HOST || view.host === target.host;
  const same = worker.deployment === target.deployment && view.address === target.address && sameHost;
  const rest = view.rest === restOf(target) ? '' : ', with another redis.conf or repository';
  return {
    same: same && rest === '',
    words: `${target.instance} at ${view.address}${view.host ? ` on ${view.host}` : ''}${rest}`,
    ...(view.host ? { host: view.host } : {}),
  };
}

/**
 * Ends a worker that would share its queues with one that means another Redis or repository by the same name: its steps would
 * be done by either. An instance that only one of them has is no quarrel.
 * @throws RecoveryError `DEPLOYMENT_DIFFERS` that names both
 */
export async function requireNoOther(config: Config, connection: Connection, namespace: string): Promise<void> {
  for (const [name, type] of queuesToAsk(config)) {
    for (const worker of await pollersOf(connection, namespace, name, type, Date.now())) {
      if (worker.machine === hostname() && worker.pid === process.pid) continue; // ourselves, before a change was taken over
      const quarrel = quarrelWith(config, worker);
      if (quarrel) throw differs(name, worker, quarrel);
    }
  }
}

const queuesToAsk = ({ deployment, worker }: Config): [string, number][] => [
  [named(deployment, QUEUES.ops), QUEUE_TYPE.workflow],
  [named(deployment, hostQueue(worker.host)), QUEUE_TYPE.activity],
];

/** What a worker has otherwise than this configuration, in words; empty for nothing. */
export function configDifferences(config: Config, { shared, instances, cut }: WorkerIdentity): string[] {
  const own = fingerprintOf(config);
  const theirs = new Map(instances.map(({ instance, settings }) => [instance, settings]));
  const names = Object.keys(own.instances);
  const lacks = cut ? [] : names.filter((name) => !theirs.has(name));
  const more = [...theirs.keys()].filter((name) => !names.includes(name));
  const other = names.filter((name) => theirs.has(name) && theirs.get(name) !== own.instances[name]);
  return [
    ...(shared === own.shared ? [] : ['another repository, deployment or Temporal section']),
    ...(lacks.length > 0 ? [`it does not know ${formatList(lacks)}`] : []),
    ...(more.length > 0 ? [`it has ${formatList(more)}, too`] : []),
    ...(other.length > 0 ? [`other settings of ${formatList(other)}`] : []),
  ];
}

/** An instance that both have and mean differently. */
export function quarrelWith(config: Config, worker: WorkerIdentity): { mine: string; theirs: string } | undefined {
  for (const name of instanceNames(config)) {
    const target = targetOf(config, name, 'worker');
    const view = target && pollerView(worker, target);
    if (target && view && !view.same) return { mine: formatTarget(target), theirs: view.words };
  }
  return undefined;
}

const differs = (queue: string, { name, machine }: WorkerIdentity, { mine, theirs }: { mine: string; theirs: string }) =>
  new RecoveryError(
    'DEPLOYMENT_DIFFERS',
    `worker ${name} on ${machine} polls ${queue} and means ${theirs}; this configuration means ${mine}`,
    {
      next: 'Give each of the two a `deployment:` of its own in its redis-backup.yaml. If this is the same one, changed: stop that worker first. One that was killed on another machine is forgotten after 75 s.',
    },
  );
