import type { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { ERRORS, type ErrorCode, messageOf, RecoveryError } from '../../model/errors.ts';
import type { TemporalSession } from '../temporal.ts';

/** The failure of a workflow as the error that its worker threw: code, message and next step survive the way through Temporal. */
export function failureOfWorkflow(failed: WorkflowFailedError, workflowId: string, session: TemporalSession): RecoveryError {
  const chain = causesOf(failed);
  const told = chain.find((error) => error instanceof ApplicationFailure && isErrorCode(error.type));
  if (told instanceof ApplicationFailure && isErrorCode(told.type)) {
    const { next } = (told.details?.[0] ?? {}) as { next?: string };
    return new RecoveryError(told.type, told.message, { next: next ?? look(workflowId, session) });
  }
  const how = endOf(chain[1]);
  if (how) return new RecoveryError('CANCELLED', `${workflowId} ${how}`, { next: look(workflowId, session) });
  const message = chain.slice(1).map(messageOf).join(': ') || messageOf(failed);
  return new RecoveryError('INTERNAL', `${workflowId} failed: ${message}`, { next: look(workflowId, session) });
}

function endOf(cause: unknown): string | undefined {
  if (cause instanceof CancelledFailure) return 'was cancelled';
  if (cause instanceof TerminatedFailure) return 'was terminated';
  return cause instanceof TimeoutFailure ? 'ran out of time' : undefined;
}

const look = (workflowId: string, session: TemporalSession) =>
  `See what it did: \`${session.commandLine(`workflow show --workflow-id ${workflowId}`)}\`.`;

const isErrorCode = (type: string | null | undefined): type is ErrorCode =>
  typeof type === 'string' && Object.hasOwn(ERRORS, type);

function causesOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let at = error; at instanceof Error; at = at.cause) chain.push(at);
  return chain;
}
