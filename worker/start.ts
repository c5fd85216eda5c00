import { Client, Connection } from '@temporalio/client';
import {
  type ActivityInterceptorsFactory,
  NativeConnection,
  type NativeConnectionOptions,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import { createTargetActivities } from '../activities/target.ts';
import type { World } from '../activities/world.ts';
import type { Config } from '../config/config.ts';
import { resolveTemporal } from '../config/resolve.ts';
import { targetOf } from '../config/target.ts';
import { named } from '../model/deployment.ts';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { hostQueue, QUEUES } from '../model/operations.ts';
import { openWebhook } from './alarms.ts';
import { archiver } from './archiver.ts';
import { requireLock } from './fence.ts';
import { identityOf } from './identity.ts';
import { JobInterceptor } from './interceptors.ts';
import { putBackAtStart, refuseBesideOthers, sweepAtStart } from './left-behind.ts';
import { serveMetrics } from './metrics.ts';
import { operations } from './operations.ts';
import { COMMON_OPTIONS, SLOTS, WORKFLOW_OPTIONS } from './options.ts';
import { requireNoOther } from './pollers.ts';
import { recallQuestions } from './recall-questions.ts';
import { ensureSearchAttributes, keepSearchAttributes } from './search-attributes.ts';
import { SINKS } from './sinks.ts';
import { TargetFence } from './target-fence.ts';
import { connectionOptions } from './temporal-options.ts';
import { workflowBundle } from './workflow-bundle.ts';
import { createWorld } from './world.ts';

/** The workers of one process, ready to run. */
export interface RunningWorkers {
  queues: string[];
  /** Runs until `shutdown`. Rejects when Temporal is lost for good. */
  run(): Promise<void>;
  /** Lets running activities come to rest, then ends `run`. */
  shutdown(): void;
}

/**
 * Connects to Temporal, sees that nothing is missing there, and prepares one worker a queue: decisions and short steps,
 * transfers, and what is bound to this machine. A recovery never waits behind a transfer.
 * @param around - more interceptors, inside ours: tests make steps slow or deadly with them
 * @throws RecoveryError `TEMPORAL_UNREACHABLE`; `CHECK_FAILED` when search attributes are missing and can't be registered
 */
export async function startWorkers(config: Config, around: ActivityInterceptorsFactory[] = []): Promise<RunningWorkers> {
  const { options, namespace } = connectionOptions(await resolveTemporal(config));
  await prepareNamespace(config, options, namespace);
  const { address, tls, apiKey, metadata } = options as NativeConnectionOptions;
  const connection = await NativeConnection.connect({ address, tls, apiKey, metadata }).catch((error) => {
    throw unreachable(options.address, error);
  });
  const own = (instance: string) => targetOf(config, instance, 'worker');
  const drain = new AbortController();
  const world: World = await createWorld(config, {
    async requireLock(instance) {
      await requireLock(instance);
      await refuseBesideOthers(world, instance);
    },
    ...{ archiver, operations, draining: drain.signal },
  });
  await putBackAtStart(world, new Client({ connection, namespace }), config.deployment);
  await sweepAtStart(world);
  const metrics = config.worker.metrics && (await serveMetrics(config.worker.metrics, world, Object.keys(config.instances)));
  const client = new Client({ connection, namespace });
  const webhook = config.worker.webhook && (await openWebhook(config, client));
  const common: CommonOptions = {
    ...COMMON_OPTIONS,
    connection,
    namespace,
    identity: identityOf(config),
    activities: { ...createActivities(world), ...createTargetActivities(own) },
    interceptors: {
      activity: [(context) => ({ inbound: new JobInterceptor(context) }), () => ({ inbound: new TargetFence(own) }), ...around],
    },
  };
  let attributes: ReturnType<typeof keepSearchAttributes> | undefined;
  const workers = await createWorkers(config, common);
  return {
    queues: queuesOf(config),
    async run() {
      try {
        const running = Promise.all(workers.map((worker) => worker.run()));
        attributes = keepSearchAttributes(connection, namespace);
        if (metrics) void recallQuestions(client, config.deployment);
        await running;
      } finally {
        attributes?.close();
        metrics?.close();
        webhook?.close();
        await connection.close();
      }
    },
    shutdown() {
      drain.abort();
      webhook?.close();
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    },
  };
}

type CommonOptions = Omit<WorkerOptions, 'taskQueue'>;

/** One a queue, each with its own number of places. */
async function createWorkers(config: Config, common: CommonOptions): Promise<Worker[]> {
  const [ops, transfer, archive, host] = queuesOf(config);
  return Promise.all([
    Worker.create({
      ...common,
      ...WORKFLOW_OPTIONS,
      taskQueue: ops,
      workflowBundle: await workflowBundle(),
      sinks: SINKS,
      maxConcurrentActivityTaskExecutions: SLOTS.ops,
    }),
    Worker.create({ ...common, taskQueue: transfer, maxConcurrentActivityTaskExecutions: SLOTS.transfer }),
    Worker.create({
      ...common,
      taskQueue: archive,
      maxConcurrentActivityTaskExecutions: archiveSlots(config),
      // After a partition the server hands tasks to polls that nobody answers any more: the fewer, the sooner another worker gets them.
      maxConcurrentActivityTaskPolls: 2,
    }),
    Worker.create({ ...common, taskQueue: host, maxConcurrentActivityTaskExecutions: SLOTS.host }),
  ]);
}

/** Decisions and short steps, transfers, what stays for long, and what is bound to this machine. */
function queuesOf({ deployment, worker }: Config): [string, string, string, string] {
  const own = (queue: string) => named(deployment, queue);
  return [own(QUEUES.ops), own(QUEUES.transfer), own(QUEUES.archive), own(hostQueue(worker.host))];
}

/** More than there are archives and watchers: one that waits for a slot would be one that silently stands still. */
const archiveSlots = ({ instances }: Config): number => {
  const watched = Object.values(instances).filter(({ watch }) => watch !== undefined).length;
  return Object.keys(instances).length + watched + SLOTS.spareArchives;
};

async function prepareNamespace(
  config: Config,
  options: ReturnType<typeof connectionOptions>['options'],
  namespace: string,
): Promise<void> {
  const connection = await Connection.connect(options).catch((error) => {
    throw unreachable(options.address, error);
  });
  try {
    await ensureSearchAttributes(connection, namespace);
    await requireNoOther(config, connection, namespace);
  } finally {
    await connection.close();
  }
}

const unreachable = (address: string | undefined, error: unknown) =>
  new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal at ${address} does not answer: ${messageOf(error)}`, {
    next: 'Start Temporal, or name its address by temporal.address or TEMPORAL_ADDRESS.',
    cause: error,
  });
