import { type Client, WithStartWorkflowOperation, type Workflow } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import { resolveWebhookToken } from '../config/resolve.ts';
import { QUEUES, WORKFLOW_IDS } from '../model/operations.ts';
import type { Alarm, WatchAnswer } from '../model/watch.ts';
import { serveWebhook, type Webhook } from './webhook.ts';

/** A watcher answers in seconds. Past that Alertmanager is asked to send it again. */
const ANSWER_MS = 60_000;

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
    watched: (name) => (Object.hasOwn(config.instances, name) ? config.instances[name]?.watch !== undefined : undefined),
    raise: (instance, alarm) => client.withDeadline(Date.now() + ANSWER_MS, () => raiseAlarm(client, instance, alarm)),
  });
}

/** Tells `watch/<instance>`, and starts it where it doesn't run: one call, so that no alarm falls between the two. */
export function raiseAlarm(client: Client, instance: string, alarm: Alarm): Promise<WatchAnswer> {
  const startWorkflowOperation = new WithStartWorkflowOperation('watchRedis', {
    workflowId: WORKFLOW_IDS.watch(instance),
    taskQueue: QUEUES.ops,
    args: [{ instance }],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `watch of ${instance}`,
  });
  return client.workflow.executeUpdateWithStart<Workflow, WatchAnswer, [Alarm]>('alarm', {
    args: [alarm],
    startWorkflowOperation,
  });
}
