import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, proxySinks, type Sinks, startChild } from '@temporalio/workflow';
import { QUEUES, RECOVERY_TASK_TIMEOUT, SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import type { RecoveryInput } from '../../model/recovery/recovery.ts';
import { askedFor, type NamedShard } from '../../model/shard.ts';
import type { PastRecovery } from '../../model/watch/watch.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';

/** Told to the worker, which counts. */
export interface WatchSinks extends Sinks {
  watch: { recoveryStarted(instance: string): void };
}
const { watch } = proxySinks<WatchSinks>();

/**
 * Starts `recoverRedis`, which goes on whatever becomes of its watcher.
 * @returns undefined when one runs already
 */
export async function startRecoveryChild(of: NamedShard, by: string): Promise<PastRecovery | undefined> {
  const { instance, name } = of;
  const input: RecoveryInput = { ...askedFor(of), by };
  try {
    const child = await CancellationScope.nonCancellable(() =>
      startChild('recoverRedis', {
        workflowId: WORKFLOW_IDS.recover(name),
        taskQueue: QUEUES.ops,
        args: [input],
        parentClosePolicy: 'ABANDON',
        workflowTaskTimeout: RECOVERY_TASK_TIMEOUT,
        searchAttributes: { [SEARCH_ATTRIBUTES.instance]: [instance] },
        staticSummary: `recovery of ${name}, for ${by}`,
      }),
    );
    watch.recoveryStarted(name);
    return { runId: child.firstExecutionRunId, startedAt: new Date(Date.now()).toISOString() };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}
