import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, isGrpcServiceError, WithStartWorkflowOperation, type Workflow } from '@temporalio/client';
import type { Config, InstanceShard } from '../config/config.ts';
import { shardsOf } from '../config/load.ts';
import { resolveWebhookToken } from '../config/resolve.ts';
import { targetOf } from '../config/target.ts';
import { named, TARGET, type Target } from '../model/deployment.ts';
import { QUEUES } from '../model/operations.ts';
import { type AskedShard, askedFor, askedName } from '../model/shard.ts';
import type { Alarm, WatchAnswer } from '../model/watch/watch.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { serveWebhook, type Webhook } from './webhook.ts';

/** A watcher answers in seconds. Past that Alertmanager is asked to send it again. */
const ANSWER_MS = 60_000;
const PAUSE_MS = 200;
const FULL: readonly number[] = [8, 9];

/**
 * The webhook of a worker, in front of the watchers of its instances.
 * @throws RecoveryError `CONFIG_INVALID` for a token that isn't there, or when it cannot listen
 */
export async function openWebhook(config: Config, client: Client): Promise<Webhook> {
  const { host = '', port = 0 } = config.worker.webhook ?? {};
  const token = async () => (await resolveWebhookToken(config)) ?? '';
  await token(); // said at the start, and not by the first alert
  return serveWebhook({
    host,
    port,
    token,
    watched(name) {
      const [first] = meantBy(config, name);
      return first && first.watch !== undefined;
    },
    async raise(name, alarm) {
      const answers = meantBy(config, name).map((redis) =>
        raiseAlarm(client, { ...askedFor(redis), target: targetOf(config, redis.instance, 'worker') }, alarm),
      );
      return [...new Set(await Promise.all(answers))].join('; ');
    },
  });
}

/** An alert names an instance, which is all of its Redis, or one of them. */
const meantBy = (config: Config, name: string): InstanceShard[] =>
  Object.values(config.instances)
    .flatMap(shardsOf)
    .filter((redis) => redis.instance === name || redis.name === name);

/** A Redis, and whom the configuration means by it. */
interface Watched extends AskedShard {
  target?: Target | undefined;
}

/**
 * Tells its watcher, and starts it where it doesn't run: one call, so that no alarm falls between the two. A workflow
 * takes ten updates at a time: of a storm the others try again, which is safe because an incident counts once.
 * @throws when Temporal does not answer, or takes none within ANSWER_MS
 */
export async function raiseAlarm(client: Client, watched: Watched, alarm: Alarm): Promise<WatchAnswer> {
  const deadlineMs = Date.now() + ANSWER_MS;
  for (;;) {
    try {
      return await client.withDeadline(deadlineMs, () => tell(client, watched, alarm));
    } catch (error) {
      if (!isFull(error) || Date.now() > deadlineMs) throw error;
      await sleep(PAUSE_MS * (1 + Math.random()));
    }
  }
}

function tell(client: Client, { target, ...asked }: Watched, alarm: Alarm): Promise<WatchAnswer> {
  const name = askedName(asked);
  const startWorkflowOperation = new WithStartWorkflowOperation('watchRedis', {
    workflowId: named(target?.deployment, WORKFLOW_IDS.watch(name)),
    taskQueue: named(target?.deployment, QUEUES.ops),
    ...(target ? { memo: { [TARGET]: target } } : {}),
    args: [asked],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `watch of ${name}`,
  });
  return client.workflow.executeUpdateWithStart<Workflow, WatchAnswer, [Alarm]>('alarm', {
    args: [alarm],
    startWorkflowOperation,
  });
}

/** gRPC's RESOURCE_EXHAUSTED, which an update together with a start wraps into FAILED_PRECONDITION. */
function isFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (isGrpcServiceError(at) && FULL.includes(at.code)) return true;
  }
  return false;
}
