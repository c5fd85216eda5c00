import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { ERRORS, messageOf, RecoveryError } from '../model/errors.ts';

/**
 * What Temporal gets to see of an error: our code as `type`, whether trying again can help, what to do as `details[0].next`.
 * The cause stays behind: foreign errors carry requests, and requests carry passwords.
 */
export function toActivityFailure(error: unknown): Error {
  if (error instanceof TemporalFailure) return error;
  if (error instanceof RecoveryError) {
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: !ERRORS[error.code].retryable,
      details: [{ next: error.next }],
    });
  }
  return ApplicationFailure.create({
    type: 'INTERNAL',
    message: `unexpected: ${messageOf(error)}`,
    // A fault in our own code does not mend itself; what a library throws may.
    nonRetryable: error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError,
    details: [{ next: 'Look into the log of the worker, and report it with the log.' }],
  });
}
