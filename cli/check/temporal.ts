import type { Config } from '../../config/config.ts';
import { instanceNames } from '../../config/load.ts';
import { formatTarget } from '../../model/deployment.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import type { WorkerIdentity } from '../../worker/identity.ts';
import { configDifferences, pollersOf, pollerView, QUEUE_TYPE } from '../../worker/pollers.ts';
import { ensureSearchAttributes, missingSearchAttributes } from '../../worker/search-attributes.ts';
import type { TemporalSession } from '../temporal.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';

/** Temporal answers, knows our search attributes, and a worker is there. `undefined` session: it doesn't answer. */
export async function checkTemporal(world: CheckContext): Promise<{ session?: TemporalSession; found: Finding[] }> {
  let session: TemporalSession | undefined;
  const found = await findings('temporal', async () => {
    session = await world.temporal();
    return ok('temporal', `Temporal at ${session.address} answers, namespace ${session.namespace}`);
  });
  if (!session) return { found };
  const { connection, namespace } = session;
  found.push(...(await findings('search attributes', () => searchAttributes(world, connection, namespace))));
  found.push(...(await findings('worker', () => worker(world, session as TemporalSession))));
  return { session, found };
}

async function searchAttributes(
  { apply }: CheckContext,
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

async function worker({ config, now }: CheckContext, session: TemporalSession): Promise<Finding[]> {
  const { connection, namespace } = session;
  const lacking: string[] = [];
  const found: Finding[] = [];
  for (const [queue, type] of [
    [QUEUES.ops, QUEUE_TYPE.workflow],
    [QUEUES.transfer, QUEUE_TYPE.activity],
  ] as const) {
    const name = session.named(queue);
    const pollers = await pollersOf(connection, namespace, name, type, now());
    if (pollers.length === 0) lacking.push(name);
    if (queue === QUEUES.ops) found.push(...pollers.flatMap((one) => hasWhat(session, config, name, one)));
  }
  if (lacking.length === 0) return found;
  const message = `no worker polls ${lacking.join(' and ')}: operations wait until one does`;
  return [...found, failed('worker', message, 'Run `redis-backup worker`, as a service.')];
}

/** Which worker has which configuration. */
function hasWhat(session: TemporalSession, config: Config, queue: string, worker: WorkerIdentity): Finding[] {
  const quarrels = quarrel(session, config, queue, worker);
  if (quarrels.length > 0) return quarrels;
  const who = `worker ${worker.name} on ${worker.machine}`;
  const differences = configDifferences(config, worker);
  if (differences.length === 0) return [ok('worker', `${who} has this configuration (${worker.shared})`)];
  return [
    warning(
      'worker',
      `${who} has another configuration (${worker.shared}) than ${config.origin.file}: ${differences.join('; ')}`,
      'It takes a changed file over within 10 s. If this stays, it reads another file, or its log says what is wrong with it.',
    ),
  ];
}

/** A worker that means another Redis or repository by a name of ours: a step may come to either. */
const quarrel = (session: TemporalSession, config: Config, queue: string, worker: WorkerIdentity): Finding[] =>
  instanceNames(config).flatMap((instance) => {
    const target = session.targetOf(instance);
    const view = target && pollerView(worker, target);
    if (!target || !view || view.same) return [];
    const message = `worker ${worker.name} on ${worker.machine} polls ${queue} and means ${view.words}; this configuration means ${formatTarget(target)}`;
    return [
      failed(
        'worker',
        message,
        'Give each of the two a `deployment:` of its own; or restart that worker with this configuration.',
      ),
    ];
  });

/** The worker on the machine of a process, without which it cannot be restored. */
export const checkPlace = ({ connection, namespace, named }: TemporalSession, place: string): Promise<Finding[]> =>
  findings('place', async () => {
    const queue = named(place);
    const pollers = await pollersOf(connection, namespace, queue, QUEUE_TYPE.activity, Date.now());
    if (pollers.length > 0) return ok('place', `a worker polls ${queue}`);
    const host = place.replace(/^host\//, '');
    return warning(
      'place',
      `no worker polls ${queue}: it can be backed up over the network, and not be restored`,
      `Run \`redis-backup worker\` on ${host}, with worker.host: ${host}.`,
    );
  });
