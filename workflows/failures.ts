import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { type ErrorCode, RecoveryError } from '../model/errors.ts';

/** The failure of a workflow, in the shape in which activities fail too: `type` is our code, `details[0].next` what to do. */
export const failure = (code: ErrorCode, message: string, next: string): ApplicationFailure =>
  ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [{ next }] });

/** The code of a failed step, also of one that ran in this process; `undefined` for anything else. */
export function codeOf(error: unknown): string | undefined {
  if (error instanceof RecoveryError) return error.code;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure ? (cause.type ?? undefined) : undefined;
}

export const reasonOf = (error: unknown): string =>
  error instanceof ActivityFailure
    ? (error.cause?.message ?? error.message)
    : error instanceof Error
      ? error.message
      : String(error);
