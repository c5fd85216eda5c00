import { QUEUES, SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import { ensureSearchAttributes, missingSearchAttributes } from '../../worker/search-attributes.ts';
import type { TemporalSession } from '../temporal.ts';
import { type CheckWorld, type Finding, failed, findings, ok, warning } from './finding.ts';

/** temporal.api.enums.v1: TASK_QUEUE_TYPE_WORKFLOW and TASK_QUEUE_TYPE_ACTIVITY. */
const QUEUE_TYPE = { workflow: 1, activity: 2 } as const;

/** Temporal answers, knows our search attributes, and a worker is there. `undefined` session: it doesn't answer. */
export async function checkTemporal(world: CheckWorld): Promise<{ session?: TemporalSession; found: Finding[] }> {
  let session: TemporalSession | undefined;
  const found = await findings('temporal', async () => {
    session = await world.temporal();
    return ok('temporal', `Temporal at ${session.address} answers, namespace ${session.namespace}`);
  });
  if (!session) return { found };
  const { connection, namespace } = session;
  found.push(...(await findings('search attributes', () => searchAttributes(world, connection, namespace))));
  found.push(...(await findings('worker', () => worker(connection, namespace))));
  return { session, found };
}

async function searchAttributes(
  { apply }: CheckWorld,
  connection: TemporalSession['connection'],
  namespace: string,
): Promise<Finding> {
  const names = Object.values(SEARCH_ATTRIBUTES).join(', ');
  const registered = apply ? await ensureSearchAttributes(connection, namespace) : [];
  if (registered.length > 0) return ok('search attributes', `registered ${registered.join(', ')}`);
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return ok('search attributes', `${names} are registered`);
  return failed(
    'search attributes',
    `the namespace ${namespace} lacks ${missing.join(', ')}: no operation can start`,
    'Run `redis-backup check --apply`, or start a worker: it registers them.',
  );
}

async function worker({ workflowService }: TemporalSession['connection'], namespace: string): Promise<Finding> {
  const pollers = async (name: string, taskQueueType: number) =>
    (await workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType })).pollers?.length ?? 0;
  const lacking: string[] = [];
  if ((await pollers(QUEUES.ops, QUEUE_TYPE.workflow)) === 0) lacking.push(QUEUES.ops);
  if ((await pollers(QUEUES.transfer, QUEUE_TYPE.activity)) === 0) lacking.push(QUEUES.transfer);
  if (lacking.length === 0) return ok('worker', 'a worker is there');
  return failed(
    'worker',
    `no worker polls ${lacking.join(' and ')}: operations wait until one does`,
    'Run `redis-backup worker`, as a service.',
  );
}

/** The worker on the machine of a process, without which it cannot be restored. */
export const checkPlace = ({ connection, namespace }: TemporalSession, queue: string): Promise<Finding[]> =>
  findings('place', async () => {
    const { pollers } = await connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: queue },
      taskQueueType: QUEUE_TYPE.activity,
    });
    if (pollers && pollers.length > 0) return ok('place', `a worker polls ${queue}`);
    const host = queue.replace(/^host\//, '');
    return warning(
      'place',
      `no worker polls ${queue}: it can be backed up over the network, and not be restored`,
      `Run \`redis-backup worker\` on ${host}, with worker.host: ${host}.`,
    );
  });
