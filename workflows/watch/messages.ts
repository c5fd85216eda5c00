import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { Alarm, WatchAnswer, WatchQuestion, WatchStatus } from '../../model/watch/watch.ts';
import { failure } from '../failures.ts';
import { CHECKS, checkMessage } from '../inputs.ts';

/** What a person says to a question. */
export interface WatchDecision {
  by: string;
  incident: string;
  note?: string;
}

export const watchStatusQuery = defineQuery<WatchStatus>('status');
/** Somebody else says that the instance fails: Alertmanager, through the webhook of a worker. */
export const alarmUpdate = defineUpdate<WatchAnswer, [Alarm]>('alarm');
export const approveWatchUpdate = defineUpdate<WatchAnswer, [WatchDecision]>('approve');
export const declineUpdate = defineUpdate<WatchStatus, [WatchDecision]>('decline');

export const WATCH_MESSAGE_EXAMPLES = {
  alarm: '{"incident":"f00d@2026-08-01T10:42:07Z","by":"alert RedisDown","startsAt":"2026-08-01T10:42:07Z"}',
  decision: '{"by":"ann","incident":"20260801T104207Z"}, with "note":"…" if you like',
} as const;

export const checkAlarm = (alarm: Alarm): void =>
  checkMessage(
    'alarm',
    alarm,
    WATCH_MESSAGE_EXAMPLES.alarm,
    { incident: CHECKS.line, by: CHECKS.line, startsAt: CHECKS.time },
    { labels: CHECKS.record },
  );

/** Nobody answers a question that they have not read. */
export function checkDecision(update: string, decision: WatchDecision, question: WatchQuestion | undefined): void {
  if (!question) throw failure('USAGE', 'nothing is asked', 'Look at query `status`. A recovery is started by `recoverRedis`.');
  checkMessage(
    update,
    decision,
    WATCH_MESSAGE_EXAMPLES.decision,
    { by: CHECKS.line, incident: CHECKS.line },
    { note: CHECKS.line },
  );
  if (decision.incident === question.incident) return;
  throw failure(
    'USAGE',
    `the question is about incident ${question.incident}`,
    'Read it in query `status`, and answer that one.',
  );
}
