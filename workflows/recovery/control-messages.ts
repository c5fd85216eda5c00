import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { RunbookStatus, StepId } from '../../model/recovery/runbook.ts';
import { failure } from '../failures.ts';
import { CHECKS, checkMessage } from '../inputs.ts';

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
export const approveRecoveryUpdate = defineUpdate<string, [ApproveMessage]>('approve');
export const skipStepUpdate = defineUpdate<string, [StepMessage]>('skipStep');
export const holdUpdate = defineUpdate<string, [ReasonMessage]>('hold');
export const resumeUpdate = defineUpdate<string, [ReasonMessage]>('resume');
export const abortUpdate = defineUpdate<string, [ReasonMessage]>('abort');
export const extendUpdate = defineUpdate<string, [ExtendMessage]>('extendMonitoring');

export const refused = (message: string, next: string) => failure('USAGE', message, next);

const WHO_AND_WHY = { by: CHECKS.line, reason: CHECKS.line };

/** What a whole message looks like, for the descriptions and for whoever has mistyped one. */
export const RECOVERY_MESSAGE_EXAMPLES = {
  approve: '{"by":"ann","plan":"<of the question>"}, with "decline":true for no and "note":"…" if you like',
  skipStep: '{"step":"warmup","by":"ann","reason":"…"}',
  runner: '{"by":"ann","reason":"…"}',
  extendMonitoring: '{"minutes":30,"by":"ann","reason":"…"}',
} as const;

/** Validators run before anything else: people type these messages by hand. */
export const checkApproval = (message: ApproveMessage): void =>
  checkMessage(
    'approve',
    message,
    RECOVERY_MESSAGE_EXAMPLES.approve,
    { by: CHECKS.line, plan: CHECKS.line },
    { note: CHECKS.line, decline: CHECKS.flag },
  );
export const checkStep = (message: StepMessage): void =>
  checkMessage('skipStep', message, RECOVERY_MESSAGE_EXAMPLES.skipStep, { step: CHECKS.line, ...WHO_AND_WHY });
export const checkConduct = (update: string, message: ReasonMessage): void =>
  checkMessage(update, message, RECOVERY_MESSAGE_EXAMPLES.runner, WHO_AND_WHY);
export const checkExtension = (message: ExtendMessage): void =>
  checkMessage('extendMonitoring', message, RECOVERY_MESSAGE_EXAMPLES.extendMonitoring, {
    minutes: CHECKS.minutes,
    ...WHO_AND_WHY,
  });
