import { isGrpcServiceError, ServiceError, type WorkflowHandle } from '@temporalio/client';
import { RecoveryError } from '../../model/errors.ts';
import { errorOfTemporal, isAway } from '../../worker/temporal-errors.ts';
import type { TemporalSession } from '../temporal.ts';

/** A worker answers in milliseconds; one that starts, or has much to replay, in seconds. */
const ANSWER_MS = 8_000;
/** gRPC's FAILED_PRECONDITION: Temporal has seen no worker for minutes. */
const NO_POLLER = 9;

/**
 * Asks a workflow that runs. Temporal knows of it; only a worker can answer for it.
 * @throws RecoveryError `PLACE_UNREACHABLE` when none does within seconds: then nothing of that workflow goes on
 */
export async function askWithin<T>({ connection }: TemporalSession, handle: WorkflowHandle, query: string): Promise<T> {
  try {
    return await connection.withDeadline(Date.now() + ANSWER_MS, () => handle.query<T>(query));
  } catch (error) {
    const cause = error instanceof ServiceError ? error.cause : error;
    if (isAway(error) || (isGrpcServiceError(cause) && cause.code === NO_POLLER)) throw noAnswer(handle.workflowId);
    throw errorOfTemporal(error);
  }
}

const noAnswer = (workflowId: string) =>
  new RecoveryError(
    'PLACE_UNREACHABLE',
    `${workflowId} is known to Temporal, but no worker answers for it: it does nothing meanwhile`,
    { next: 'Start `redis-backup worker`, as a service; it goes on by itself then.' },
  );
