import { WorkflowFailedError } from '@temporalio/client';
import { RecoveryError } from '../../model/errors.ts';
import type { StoreView } from '../../model/store-view.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { errorOfTemporal } from '../../worker/temporal-errors.ts';
import { failureOfWorkflow } from '../operations/failures.ts';
import { startExamineStore } from '../operations/start.ts';
import type { TemporalSession } from '../temporal.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

const CHECK = 'worker store';
const ANSWER_MS = 45_000;

/** The store as the worker sees it: that is who stores, with the keys that it has. */
export async function checkWorkerStore(session: TemporalSession, instance: string): Promise<Finding[]> {
  try {
    const { handle } = await startExamineStore(session, { instance }, ANSWER_MS);
    return [viewFinding((await handle.result()) as StoreView)];
  } catch (error) {
    const known =
      error instanceof WorkflowFailedError
        ? failureOfWorkflow(error, session.named(WORKFLOW_IDS.examineStore(instance)), session)
        : errorOfTemporal(error);
    if (!(known instanceof RecoveryError)) throw error;
    const message = `whether the worker can store anything is not known: ${known.message}`;
    return [warning(CHECK, message, 'Look at the log of the worker; start `redis-backup worker`, then check again.')];
  }
}

export function viewFinding({ host, url, problem }: StoreView): Finding {
  if (!problem) return ok(CHECK, `the worker on ${host} can write, read, list and delete in ${url}`);
  return failed(CHECK, `${problem.code} from the worker on ${host}: ${problem.message}`, problem.next);
}
