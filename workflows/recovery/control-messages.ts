import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { RunbookStatus, StepId } from '../../model/runbook.ts';
import { failure } from '../failures.ts';

export interface ApproveMessage {
  by: string;
  /** The digest of what was read: `question.plan` of the status. */
  plan: string;
  note?: string;
  /** True: no. It is then done as if nobody had answered, at once. */
  decline?: boolean;
}
export interface StepMessage {
  step: StepId;
  by: string;
  reason: string;
}
export interface ReasonMessage {
  by: string;
  reason: string;
}
export interface ExtendMessage extends ReasonMessage {
  minutes: number;
}

export const runbookStatusQuery = defineQuery<RunbookStatus>('status');
export const approveUpdate = defineUpdate<string, [ApproveMessage]>('approve');
export const skipStepUpdate = defineUpdate<string, [StepMessage]>('skipStep');
export const holdUpdate = defineUpdate<string, [ReasonMessage]>('hold');
export const resumeUpdate = defineUpdate<string, [ReasonMessage]>('resume');
export const abortUpdate = defineUpdate<string, [ReasonMessage]>('abort');
export const extendUpdate = defineUpdate<string, [ExtendMessage]>('extendMonitoring');

export const refused = (message: string, next: string) => failure('USAGE', message, next);

const MOST_LETTERS = 500;

/** Validators run before anything else: people type these messages by hand, and what no page can show would stop the workflow. */
export function need<T extends object>(message: T | undefined, ...names: (keyof T & string)[]): void {
  const missing = names.filter((name) => message?.[name] === undefined || message[name] === '');
  if (missing.length > 0) throw refused(`missing: ${missing.join(', ')}`, 'The description of the update shows the whole JSON.');
  const isText = (value: unknown) => typeof value === 'string' && value.length <= MOST_LETTERS;
  const wrong = names.filter((name) => !isText(message?.[name]));
  if (wrong.length > 0) throw refused(`no text of at most ${MOST_LETTERS} letters: ${wrong.join(', ')}`, 'Put it in quotes.');
}
