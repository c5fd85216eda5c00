import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { Alarm, WatchAnswer, WatchQuestion, WatchStatus } from '../model/watch.ts';
import { failure } from './failures.ts';

/** What a person says to a question. */
export interface WatchDecision {
  by: string;
  incident: string;
  note?: string;
}

export const watchStatusQuery = defineQuery<WatchStatus>('status');
/** Somebody else says that the instance fails: Alertmanager, through the webhook of a worker. */
export const alarmUpdate = defineUpdate<WatchAnswer, [Alarm]>('alarm');
export const approveUpdate = defineUpdate<WatchAnswer, [WatchDecision]>('approve');
export const declineUpdate = defineUpdate<WatchStatus, [WatchDecision]>('decline');

const MAX_TEXT = 300;
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '' && value.length <= MAX_TEXT;

export function checkAlarm(alarm: Alarm): void {
  if (isText(alarm?.incident) && isText(alarm.by) && !Number.isNaN(Date.parse(alarm.startsAt))) return;
  throw failure(
    'USAGE',
    'an alarm has incident, by and startsAt',
    'For example {"incident":"f00d@2026-08-01T10:42:07Z","by":"alert RedisDown","startsAt":"2026-08-01T10:42:07Z"}.',
  );
}

/** Nobody answers a question that they have not read. */
export function checkDecision(decision: WatchDecision, question: WatchQuestion | undefined): void {
  if (!question) throw failure('USAGE', 'nothing is asked', 'Look at query `status`. A recovery is started by `recoverRedis`.');
  if (!isText(decision?.by))
    throw failure('USAGE', 'by is required', `Say who decides: {"by":"ann","incident":"${question.incident}"}.`);
  if (decision.incident === question.incident) return;
  throw failure(
    'USAGE',
    `the question is about incident ${question.incident}`,
    'Read it in query `status`, and answer that one.',
  );
}
