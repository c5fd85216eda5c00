import { type WorkflowExecutionDescription, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { errorOfTemporal } from '../temporal.ts';

/**
 * What Temporal knows of the newest run under an id; undefined only when it says that there was none: "it does not run" is an
 * answer that people act on.
 * @throws RecoveryError `TEMPORAL_UNREACHABLE` when it could not be asked
 */
export async function newestRun(handle: WorkflowHandle): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw errorOfTemporal(error);
  }
}
