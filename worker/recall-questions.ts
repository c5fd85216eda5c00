import type { Client } from '@temporalio/client';
import { deploymentOf } from '../model/deployment.ts';

/** A query to the queue of a worker that is gone is given to another one after 10 s. */
const ANSWER_MS = 60_000;

/**
 * Asks every recovery that runs for its status, once: whichever worker answers has replayed it then, and serves the figure of a
 * question that was asked before its start. Without that a question is not seen from the death of a worker to its answer.
 */
export async function recallQuestions(client: Client, deployment: string | undefined): Promise<void> {
  try {
    await client.withDeadline(Date.now() + ANSWER_MS, async () => {
      const query = "WorkflowType = 'recoverRedis' AND ExecutionStatus = 'Running'";
      for await (const { workflowId } of client.workflow.list({ query })) {
        if (deploymentOf(workflowId) !== deployment) continue;
        await client.workflow
          .getHandle(workflowId)
          .query('status')
          .catch(() => undefined); // it ends at this moment, or is stuck
      }
    });
  } catch {
    // A figure less for some minutes: no reason to have no worker.
  }
}
