import { createHash } from 'node:crypto';
import {
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  ScheduleOverlapPolicy,
  type Workflow,
} from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { named } from '../../model/deployment.ts';
import { type BackupInput, type OperationName, QUEUES, SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * A backup that was due while Temporal was away is still taken when it is back within this time. With overlap SKIP that is
 * one backup, however many were missed (measured).
 */
const CATCHUP_WINDOW_MS = 5 * HOUR_MS;

/**
 * A run that hangs would, with overlap SKIP, hold off all later backups for ever. Beyond every time-out of its steps;
 * the lock undoes what a run that is ended by it had changed.
 */
const HUNG_AFTER_MS = 12 * HOUR_MS;

export const SCHEDULE_PREFIX = 'redis-backup-';
export const MANAGED_NOTE = 'managed by redis-backup schedules; edits are overwritten';

export const scheduleIdOf = (instance: string, deployment?: string): string => named(deployment, `${SCHEDULE_PREFIX}${instance}`);

export type WantedSchedule = ScheduleOptions<ScheduleOptionsStartWorkflowAction<Workflow>>;

/** The schedule that one instance must have. */
export function wantedSchedule(instance: string, everyMs: number, deployment?: string): WantedSchedule {
  const input: BackupInput = { instance, reason: 'scheduled' };
  const operation: OperationName = 'backup';
  return {
    scheduleId: scheduleIdOf(instance, deployment),
    spec: { intervals: [{ every: everyMs, offset: offsetOf(instance, everyMs) }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'backupSnapshot',
      workflowId: named(deployment, WORKFLOW_IDS.backup(instance)), // Temporal appends the time
      taskQueue: named(deployment, QUEUES.ops),
      args: [input],
      workflowExecutionTimeout: HUNG_AFTER_MS,
      staticSummary: `scheduled backup of ${instance}`,
      typedSearchAttributes: [
        { key: keyword(SEARCH_ATTRIBUTES.instance), value: instance },
        { key: keyword(SEARCH_ATTRIBUTES.operation), value: operation },
      ],
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP_WINDOW_MS, pauseOnFailure: false },
    state: { note: MANAGED_NOTE },
  };
}

/**
 * Where in the interval an instance has its turn, in whole minutes: always the same for one name, and spread over the
 * interval, so that a fleet doesn't fork at the same minute.
 */
export function offsetOf(instance: string, everyMs: number): number {
  const minutes = Math.max(1, Math.floor(everyMs / MINUTE_MS));
  return (createHash('sha256').update(instance).digest().readUInt32BE(0) % minutes) * MINUTE_MS;
}

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
