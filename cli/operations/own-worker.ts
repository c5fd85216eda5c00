import { formatTarget, type Target } from '../../model/deployment.ts';
import { RecoveryError } from '../../model/errors.ts';
import { QUEUES } from '../../model/operations.ts';
import type { WorkerIdentity } from '../../worker/identity.ts';
import { pollersOf, QUEUE_TYPE, viewOf } from '../../worker/pollers.ts';
import type { TemporalSession } from '../temporal.ts';

/**
 * Refuses to start what only workers of another configuration would take, and what two would, each on a machine of its own. One
 * that means the same is enough: a step that another one gets is given back.
 * @throws RecoveryError `DEPLOYMENT_DIFFERS`
 */
export async function requireOwnWorker(session: TemporalSession, target: Target): Promise<void> {
  const { connection, namespace } = session;
  const queue = session.named(QUEUES.ops);
  const workers = await pollersOf(connection, namespace, queue, QUEUE_TYPE.workflow, Date.now()).catch(() => []); // the steps compare, too
  const views = workers.flatMap((worker) => {
    const view = viewOf(worker, target);
    return view ? [{ worker, ...view }] : [];
  });
  const ours = views.filter(({ same }) => same);
  const [other] = views;
  if (ours.length === 0 && other) throw foreign(queue, other.worker, other.words, target);
  const hosts = new Set(ours.map(({ host }) => host));
  if (hosts.size > 1) throw ambiguous(target.instance, [...hosts]);
}

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
