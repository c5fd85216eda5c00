import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { type ActivityInterceptorsFactory, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Dependencies } from '../activities/dependencies.ts';
import { createActivities } from '../activities/index.ts';
import { createTargetActivities } from '../activities/target.ts';
import type { Config } from '../config/config.ts';
import { shardsOf } from '../config/load.ts';
import { targetOf } from '../config/target.ts';
import { named } from '../model/deployment.ts';
import { QUEUES } from '../model/operations.ts';
import { openWebhook } from './alarms.ts';
import { archiver } from './archiver.ts';
import { connectPatiently } from './connect.ts';
import { createDependencies } from './dependencies.ts';
import { requireLock } from './fence.ts';
import { identityOfWorker } from './identity.ts';
import { JobInterceptor } from './interceptors.ts';
import { keepApiKey } from './keep-api-key.ts';
import { putBackAtStart, refuseBesideOthers, sweepAtStart } from './left-behind.ts';
import { serveMetrics } from './metrics.ts';
import { operations } from './operations.ts';
import { COMMON_OPTIONS, REST_MS, SLOTS, WORKFLOW_OPTIONS } from './options.ts';
import { type OpenParts, queuesHere } from './parts.ts';
import { recallQuestions } from './recall-questions.ts';
import { keepSearchAttributes } from './search-attributes.ts';
import { SINKS } from './sinks.ts';
import { TargetGuard } from './target-guard.ts';
import { endedByTemporal } from './temporal-errors.ts';
import { workflowBundle } from './workflow-bundle.ts';

/** The workers of one process, ready to run. */
export interface RunningWorkers {
  queues: string[];
  /** Runs until `shutdown`. Rejects when Temporal is lost for good. */
  run(): Promise<void>;
  /** Lets running activities come to rest, then ends `run`. */
  shutdown(): void;
}

export interface StartWorkerOptions {
  /** More interceptors, inside ours: tests make steps slow or deadly with them. */
  around?: ActivityInterceptorsFactory[];
  /** Ends the wait for Temporal. */
  interrupt?: AbortSignal;
  /** Serve this queue and nothing else: steps alone, and neither figures nor alerts, nor what a worker puts in order at its start. */
  queue?: string | undefined;
  /** How platforms are opened: tests bring their own. */
  parts?: OpenParts;
}

/**
 * Connects to Temporal, waiting for it, and prepares one worker a queue: decisions and short steps, transfers, and what is bound
 * to this machine. A recovery never waits behind a transfer.
 * @throws RecoveryError as `connectPatiently` and `openWebhook` do
 */
export async function startWorkers(
  config: Config,
  { around = [], interrupt = new AbortController().signal, queue, parts }: StartWorkerOptions = {},
): Promise<RunningWorkers> {
  const { connection, namespace } = await connectPatiently(config, interrupt, queue === undefined);
  const own = (instance: string) => targetOf(config, instance, 'worker');
  const drain = new AbortController();
  const deps: Dependencies = await createDependencies(
    config,
    {
      async requireLock(instance) {
        await requireLock(instance);
        await refuseBesideOthers(deps, instance);
      },
      ...{ archiver, operations, draining: drain.signal },
    },
    parts,
  );
  const client = new Client({ connection, namespace });
  const host = queue === undefined ? await openHost(config, deps, client) : undefined;
  const common: CommonOptions = {
    ...COMMON_OPTIONS,
    connection,
    namespace,
    identity: identityOfWorker(config),
    activities: { ...createActivities(deps), ...createTargetActivities(own) },
    interceptors: {
      activity: [(context) => ({ inbound: new JobInterceptor(context) }), () => ({ inbound: new TargetGuard(own) }), ...around],
    },
  };
  let attributes: ReturnType<typeof keepSearchAttributes> | undefined;
  let endKey = (): void => undefined;
  const queues = queue === undefined ? queuesOf(config, parts) : [named(config.deployment, queue)];
  const workers =
    queue === undefined
      ? await createWorkers(config, common, parts)
      : await createWorker(common, named(config.deployment, queue));
  return {
    queues,
    async run() {
      try {
        const running = runAll(workers);
        if (host) attributes = keepSearchAttributes(connection, namespace);
        endKey = keepApiKey(connection, config);
        if (host?.metrics) void recallQuestions(client, config.deployment);
        await running;
      } finally {
        attributes?.close();
        endKey();
        host?.metrics?.close();
        host?.webhook?.close();
        await connection.close().catch(() => undefined); // a worker that did not come to its end holds it
      }
    },
    shutdown() {
      drain.abort();
      host?.webhook?.close();
      shutDown(workers);
    },
  };
}

/** What a worker of a machine does besides its steps. */
async function openHost(config: Config, deps: Dependencies, client: Client) {
  const { metrics, webhook } = config.worker;
  await putBackAtStart(deps, client, config.deployment);
  await sweepAtStart(deps);
  return {
    metrics: metrics && (await serveMetrics(metrics, deps, Object.values(config.instances).flatMap(shardsOf))),
    webhook: webhook && (await openWebhook(config, client)),
  };
}

/** To the end of all of them. One that fails ends the others, which the SDK does not always bring to an end. */
async function runAll(workers: readonly Worker[]): Promise<void> {
  const runs = workers.map((worker) => worker.run().finally(() => shutDown(workers)));
  try {
    await Promise.all(runs);
  } catch (error) {
    const atRest = new AbortController();
    const all = Promise.allSettled(runs).then(() => atRest.abort());
    await Promise.race([all, sleep(REST_MS, undefined, { signal: atRest.signal }).catch(() => undefined)]);
    throw error;
  }
}

function shutDown(workers: readonly Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
}

type CommonOptions = Omit<WorkerOptions, 'taskQueue'>;

/** Of one queue, for steps alone. */
const createWorker = async (common: CommonOptions, taskQueue: string): Promise<Worker[]> => [
  await Worker.create({ ...common, taskQueue, maxConcurrentActivityTaskExecutions: SLOTS.host }).catch((error) => {
    throw endedByTemporal(error);
  }),
];

/** One a queue, each with its own number of places. */
async function createWorkers(config: Config, common: CommonOptions, parts?: OpenParts): Promise<Worker[]> {
  const [ops, transfer, archive, ...places] = queuesOf(config, parts);
  const bundle = await workflowBundle();
  return Promise.all([
    Worker.create({
      ...common,
      ...WORKFLOW_OPTIONS,
      taskQueue: ops,
      workflowBundle: bundle,
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
    ...places.map((place) => Worker.create({ ...common, taskQueue: place, maxConcurrentActivityTaskExecutions: SLOTS.host })),
  ]).catch((error) => {
    throw endedByTemporal(error);
  });
}

/** Decisions and short steps, transfers, what stays for long, and what is bound to this machine or a cluster that it reaches. */
function queuesOf(config: Config, parts?: OpenParts): [string, string, string, ...string[]] {
  const own = (queue: string) => named(config.deployment, queue);
  return [own(QUEUES.ops), own(QUEUES.transfer), own(QUEUES.archive), ...queuesHere(config, parts).map(own)];
}

/** More than there are archives and watchers: one that waits for a slot would be one that silently stands still. */
const archiveSlots = ({ instances }: Config): number => {
  const watched = Object.values(instances).filter(({ watch }) => watch !== undefined).length;
  return Object.keys(instances).length + watched + SLOTS.spareArchives;
};
