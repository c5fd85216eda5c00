import { ApplicationFailure } from '@temporalio/workflow';
import type { ErrorCode } from '../model/errors.ts';

/** The failure of a workflow, in the shape in which activities fail too: `type` is our code, `details[0].next` what to do. */
export const failure = (code: ErrorCode, message: string, next: string): ApplicationFailure =>
  ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [{ next }] });
