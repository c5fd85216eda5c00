import { type ScheduleDescription, WorkflowNotFoundError } from '@temporalio/client';
import { isOverdue, missedBefore, missedRuns } from '../../model/backup/scheduled-runs.ts';
import { formatCountOf, formatDuration, formatTime } from '../../model/format.ts';
import type { TemporalSession } from '../temporal.ts';
import { type Finding, failed, warning } from './finding.ts';

const DAY_MS = 86_400_000;

/** Older than the retention of its namespace. */
function unlessForgotten(error: unknown): undefined {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}

/** A schedule itself remembers no more. */
const REMEMBERED = 10;

/** How many runs of a schedule Temporal knows that began between two times. */
export async function countBegun(session: TemporalSession, scheduleId: string, fromMs: number, toMs: number): Promise<number> {
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString());
  const query = `TemporalScheduledById = "${scheduleId}" AND StartTime >= "${from}" AND StartTime < "${to}"`;
  return (await session.client.workflow.count(query)).count;
}

/** What has become of the runs of a schedule in the last day. */
export async function runFindings(
  session: TemporalSession,
  { scheduleId, info }: ScheduleDescription,
  { everyMs, nowMs }: { everyMs: number; nowMs: number },
): Promise<Finding[]> {
  const recent = info.recentActions.map(({ scheduledAt, action }) => ({ atMs: scheduledAt.getTime(), ...action.workflow }));
  const runs = await Promise.all(
    recent.map(async ({ workflowId, firstExecutionRunId }) => {
      const found = await session.client.workflow.getHandle(workflowId, firstExecutionRunId).describe().catch(unlessForgotten);
      return found && { startMs: found.startTime.getTime(), endMs: found.closeTime?.getTime(), workflowId };
    }),
  );
  const known = runs.filter((run) => run !== undefined);
  const running = known.findLast(({ endMs }) => endMs === undefined);
  const usual = known.flatMap(({ startMs, endMs }) => (endMs === undefined ? [] : [endMs - startMs]));
  const found: Finding[] = [];
  if (running && isOverdue(nowMs - running.startMs, usual)) {
    const age = formatDuration(nowMs - running.startMs);
    const than = usual.length > 0 ? `, and one takes ${formatDuration(Math.max(...usual))} at most` : '';
    found.push(
      failed(
        'scheduled runs',
        `${running.workflowId} has run for ${age}${than}: while it does no other begins`,
        `Look at what it waits for: its page in the Web UI, or ${session.commandLine(`workflow describe --workflow-id ${running.workflowId}`)}.`,
      ),
    );
  }
  const sinceMs = Math.max(nowMs - DAY_MS, info.createdAt.getTime(), info.lastUpdatedAt?.getTime() ?? 0);
  const times = recent.map(({ atMs }) => atMs);
  const [oldest = sinceMs] = times;
  const isCut = times.length >= REMEMBERED && oldest - sinceMs >= everyMs;
  const forgotten = isCut
    ? missedBefore(oldest, await countBegun(session, scheduleId, sinceMs, oldest), { everyMs, sinceMs })
    : 0;
  const missed = forgotten + missedRuns(times, { everyMs, nowMs, sinceMs });
  if (missed > 0) {
    const first = isCut ? sinceMs : Math.max(sinceMs, oldest);
    found.push(
      warning(
        'scheduled runs',
        `${formatCountOf(missed, 'run')} of ${scheduleId} did not begin since ${formatTime(first)}: the one before was still running, Temporal was away, or the schedule was paused (${info.numActionsSkippedOverlap} skipped and ${info.numActionsMissedCatchupWindow} missed in all)`,
        'See why runs take longer than the time between two of them: no worker, a store that is away, or too much data for `backup.every`.',
      ),
    );
  }
  return found;
}
