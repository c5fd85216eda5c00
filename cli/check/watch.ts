import type { InstanceShard } from '../../config/config.ts';
import { askedFor } from '../../model/shard.ts';
import type { WatchStatus } from '../../model/watch/watch.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { askWithin, newestRun, startWatch, statusOf } from '../operations/index.ts';
import type { TemporalSession } from '../temporal.ts';
import { type Finding, failed, findings, ok } from './finding.ts';

/** The watcher runs. */
export const checkWatcher = (session: TemporalSession, redis: InstanceShard, apply: boolean): Promise<Finding[]> =>
  findings('watcher', async () => {
    const { instance, name, watch } = redis;
    if (!watch) return [];
    const workflowId = session.named(WORKFLOW_IDS.watch(name));
    const run = await newestRun(session.client.workflow.getHandle(workflowId), session.targetOf(instance));
    if (!run && apply) {
      await startWatch(session, askedFor(redis));
      return [ok('watcher', `started ${workflowId}: Temporal knew of none`)];
    }
    if (run?.status.name !== 'RUNNING')
      return [failed('watcher', `${workflowId} does not run: nobody notices an outage`, `Run \`redis-backup watch ${name}\`.`)];
    const handle = session.client.workflow.getHandle(workflowId);
    const [, now] = await Promise.all([askWithin<WatchStatus>(session, handle, 'status'), statusOf(handle, Date.now())]);
    if (now.waits)
      return [
        failed('watcher', `${workflowId}: ${now.note}: nobody notices an outage`, 'Run `redis-backup worker`, as a service.'),
      ];
    return [ok('watcher', `${workflowId} runs and answers; \`redis-backup watch ${name} --status\` says what it sees`)];
  });
