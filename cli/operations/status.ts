import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Progress } from '../../activities/job-context.ts';
import { SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import type { ShownStatus } from '../output/output.ts';

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

/** temporal.api.enums.v1: PENDING_ACTIVITY_STATE_SCHEDULED and PENDING_WORKFLOW_TASK_STATE_SCHEDULED. */
const SCHEDULED = 1;
/** A worker that is there takes a task within milliseconds; within this, one may be starting. */
const PATIENCE_MS = 5_000;
const LOOK_BACK_EVENTS = 10;

/** What an operation is doing now: its phase, and the last heartbeat of its activity. */
export async function statusOf(handle: WorkflowHandle, now: number): Promise<ShownStatus> {
  const description = await handle.describe();
  const failing = (description.raw.pendingWorkflowTask?.attempt ?? 1) > 1 ? await whyItFails(handle) : undefined;
  const phase = description.searchAttributes[SEARCH_ATTRIBUTES.phase]?.[0];
  const activity = mostTelling(description.raw.pendingActivities ?? []);
  return {
    workflowId: description.workflowId,
    ...(typeof phase === 'string' ? { phase } : {}),
    ...(activity ? activityStatus(activity, now) : {}),
    ...(description.memo?.blocked ? { blocked: description.memo.blocked as NonNullable<ShownStatus['blocked']> } : {}),
    ...(typeof description.memo?.question === 'string' ? { question: description.memo.question } : {}),
    ...(failing ? { note: `it cannot go on: ${failing}; it is tried again`, cannotGoOn: true } : {}),
    ...(!failing && nobodyTakes(description.raw.pendingWorkflowTask, now)
      ? { note: `waiting: no worker polls ${description.taskQueue}; start one with \`redis-backup worker\``, waits: true }
      : {}),
  };
}

/** What the server, or the worker, said of the last decision that failed. Later attempts leave no trace of their own. */
async function whyItFails({ client, workflowId }: WorkflowHandle): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId },
    maximumPageSize: LOOK_BACK_EVENTS,
  });
  const failed = history?.events?.find(({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes);
  return failed?.workflowTaskFailedEventAttributes?.failure?.message ?? undefined;
}

/** The one that says how far it is; else the one that runs. */
const mostTelling = (pending: readonly PendingActivity[]): PendingActivity | undefined =>
  pending.find((one) => progressOf(one)?.doneBytes !== undefined) ??
  pending.find(({ state }) => state !== SCHEDULED) ??
  pending[0];

function activityStatus(activity: PendingActivity, now: number): Partial<ShownStatus> {
  const attempt = activity.attempt ?? 1;
  const problem = activity.lastFailure?.message;
  const queue = activity.activityOptions?.taskQueue?.name;
  const waits = attempt === 1 && nobodyTakes(activity, now);
  const { rpoSeconds, note, ...progress } = progressOf(activity) ?? {};
  // What would be lost "now" is true of the attempt that runs; Temporal keeps the last words of the one before.
  const isPast = rpoSeconds !== undefined && !isOfThisAttempt(activity);
  return {
    step: activity.activityType?.name ?? undefined,
    ...progress,
    ...(isPast ? {} : { ...(note === undefined ? {} : { note }), ...(rpoSeconds === undefined ? {} : { rpoSeconds }) }),
    ...(attempt > 1 ? { attempt } : {}),
    ...(attempt > 1 && problem ? { problem } : {}),
    ...(waits ? { note: `waiting: no worker takes it${queue ? ` from ${queue}` : ''}`, waits: true } : {}),
  };
}

const isOfThisAttempt = ({ state, lastStartedTime, lastHeartbeatTime }: PendingActivity): boolean =>
  state !== SCHEDULED && secondsOf(lastHeartbeatTime) >= secondsOf(lastStartedTime);

const secondsOf = (time: Timestamp | null | undefined): number => Number(time?.seconds ?? 0) + (time?.nanos ?? 0) / 1e9;

function progressOf({ heartbeatDetails }: PendingActivity): Progress | undefined {
  const payload = heartbeatDetails?.payloads?.[0];
  return payload ? (defaultPayloadConverter.fromPayload<Progress | null>(payload) ?? undefined) : undefined;
}

function nobodyTakes(task: { state?: number | null; scheduledTime?: Timestamp | null } | null | undefined, now: number): boolean {
  return (
    task?.state === SCHEDULED && task.scheduledTime != null && now - Number(task.scheduledTime.seconds ?? 0) * 1000 > PATIENCE_MS
  );
}

interface Timestamp {
  seconds?: { toString(): string } | number | null;
  nanos?: number | null;
}
