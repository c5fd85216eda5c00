import { type WorkflowExecutionDescription, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { requireSame, TARGET, type Target } from '../../model/deployment.ts';
import { errorOfTemporal } from '../../worker/temporal-errors.ts';

/**
 * What Temporal knows of the newest run under an id; undefined only when it says that there was none: "it does not run" is an
 * answer that people act on.
 * @param target - whom this configuration means
 * @throws RecoveryError `TEMPORAL_UNREACHABLE` when it could not be asked; `DEPLOYMENT_DIFFERS` for one of another configuration
 */
export async function newestRun(
  handle: WorkflowHandle,
  target: Target | undefined,
): Promise<WorkflowExecutionDescription | undefined> {
  let run: WorkflowExecutionDescription;
  try {
    run = await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw errorOfTemporal(error);
  }
  const wanted = run.memo?.[TARGET] as Target | undefined;
  if (target && wanted && run.status.name === 'RUNNING') requireSame(wanted, target, handle.workflowId);
  return run;
}
