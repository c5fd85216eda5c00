import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Dependencies } from '../activities/dependencies.ts';
import { formatDuration } from '../model/format.ts';
import type { LockHolder } from '../model/lock.ts';
import { SEARCH_ATTRIBUTES } from '../model/operations.ts';
import type { PastRecovery } from '../model/watch/watch.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { inOwnDeployment } from './own-deployment.ts';
import { isRefusedRun } from './refused-run.ts';

/** So many of the newest recoveries are looked at: more than any `mostPerHour`. */
const MOST = 100;
/** It changed nothing. */
const NO_RECOVERY = ['planned', 'joined'];

/** What goes on with an instance, as Temporal knows it. */
export const operations: Dependencies['operations'] = {
  async lockHolder(instance) {
    const lock = Context.current().client.workflow.getHandle(inOwnDeployment(WORKFLOW_IDS.lock(instance)));
    try {
      const { status, memo } = await lock.describe(); // consistent, as lists are not
      const holder = memo?.holder as LockHolder | undefined;
      return status.name === 'RUNNING' && holder ? { ...holder, interrupts: memo?.interrupts === true } : undefined;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  },

  async doing({ workflowId, runId }) {
    const { raw } = await Context.current().client.workflow.getHandle(workflowId, runId).describe();
    const steps = (raw.pendingActivities ?? []).map((step) => {
      const sinceMs = Number(step.lastStartedTime?.seconds ?? step.scheduledTime?.seconds ?? 0) * 1000;
      const name = step.activityType?.name ?? 'a step';
      const tries = (step.attempt ?? 1) > 1 ? `, attempt ${step.attempt}` : '';
      const why = step.lastFailure?.message ? `, after: ${step.lastFailure.message}` : '';
      return `${name}, for ${formatDuration(Math.max(0, Date.now() - sinceMs))}${tries}${why}`;
    });
    return steps.length > 0 ? steps.join('; ') : undefined;
  },

  async recoveries(of) {
    const query = `WorkflowId = "${inOwnDeployment(WORKFLOW_IDS.recover(of.name))}"`;
    const found: PastRecovery[] = [];
    for await (const run of Context.current().client.workflow.list({ query, pageSize: MOST })) {
      const outcome = run.searchAttributes[SEARCH_ATTRIBUTES.outcome]?.[0];
      if (!NO_RECOVERY.includes(String(outcome)) && !isRefusedRun(run)) {
        const { runId, startTime, closeTime } = run;
        found.push({ runId, startedAt: startTime.toISOString(), ...(closeTime ? { endedAt: closeTime.toISOString() } : {}) });
      }
      if (found.length === MOST) break;
    }
    return found;
  },
};
