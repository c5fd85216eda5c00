import { setTimeout as sleep } from 'node:timers/promises';
import { formatTarget, type Target } from '../../model/deployment.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatList } from '../../model/format.ts';
import { QUEUES } from '../../model/operations.ts';
import type { WorkerIdentity } from '../../worker/identity.ts';
import { pollersOf, pollerView, QUEUE_TYPE } from '../../worker/pollers.ts';
import type { TemporalSession } from '../temporal.ts';

/**
 * Refuses to start what only workers of another configuration would take, and what two would, each on a machine of its own. One
 * that means the same is enough: a step that another one gets is given back.
 * @throws RecoveryError `DEPLOYMENT_DIFFERS`
 */
export async function requireOwnWorker(session: TemporalSession, target: Target): Promise<void> {
  const { connection, namespace } = session;
  const queue = session.named(QUEUES.ops);
  const look = () => pollersOf(connection, namespace, queue, QUEUE_TYPE.workflow, Date.now()).catch(() => []); // the steps compare, too
  const workers = await untilKnown(look, target.instance);
  const [stranger] = workers;
  if (stranger && workers.every((worker) => lacks(worker, target.instance))) throw unknownTo(stranger, target);
  const views = workers.flatMap((worker) => {
    const view = pollerView(worker, target);
    return view ? [{ worker, ...view }] : [];
  });
  const ours = views.filter(({ same }) => same);
  const [other] = views;
  if (ours.length === 0 && other) throw foreign(queue, other.worker, other.words, target);
  const hosts = new Set(ours.map(({ host }) => host));
  if (hosts.size > 1) throw ambiguous(target.instance, [...hosts]);
}

/** A worker takes a changed file over within seconds: whoever has just added an instance waits for that. */
const KNOWN_WITHIN_MS = 20_000;
const POLL_MS = 500;

async function untilKnown(look: () => Promise<WorkerIdentity[]>, instance: string): Promise<WorkerIdentity[]> {
  for (const deadlineMs = Date.now() + KNOWN_WITHIN_MS; ; await sleep(POLL_MS)) {
    const workers = await look();
    if (workers.length === 0 || !workers.every((worker) => lacks(worker, instance)) || Date.now() > deadlineMs) return workers;
  }
}

const lacks = ({ instances, cut }: WorkerIdentity, instance: string): boolean =>
  !cut && !instances.some((one) => one.instance === instance);

const unknownTo = ({ name, machine, instances }: WorkerIdentity, { instance }: Target) =>
  new RecoveryError(
    'DEPLOYMENT_DIFFERS',
    `worker ${name} on ${machine} does not have ${instance} in its configuration, which has ${formatList(instances.map((one) => one.instance))}`,
    {
      next: 'It takes a changed file over within 10 s, so it reads another one, or its log says why it does not take this one. Put the instance there.',
    },
  );

const foreign = (queue: string, { name, machine }: WorkerIdentity, words: string, target: Target) =>
  new RecoveryError(
    'DEPLOYMENT_DIFFERS',
    `worker ${name} on ${machine} polls ${queue} and means ${words}; this configuration means ${formatTarget(target)}`,
    {
      next: 'Use the configuration of that worker, or start a worker with this one. Two environments in one namespace: give each a `deployment:` of its own.',
    },
  );

const ambiguous = (instance: string, hosts: (string | undefined)[]) =>
  new RecoveryError(
    'DEPLOYMENT_DIFFERS',
    `workers on ${hosts.join(' and ')} each take ${instance} for a Redis of their own machine`,
    {
      next: `Name the machine by instances.${instance}.platform.host. Two environments in one namespace: give each a \`deployment:\` of its own.`,
    },
  );
