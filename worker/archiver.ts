import { Context } from '@temporalio/activity';
import { type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import type { Dependencies } from '../activities/dependencies.ts';
import { WORKFLOW_IDS } from '../model/operations.ts';
import { inOwnDeployment } from './own-deployment.ts';

/** How activities tell `archive/<instance>` to let go of its Redis, to come back, and what would be lost. */
export const archiver: Dependencies['archiver'] = {
  detach: (instance, by) => tell('detach', instance, by),
  attach: async (instance, by) => void (await tell('attach', instance, by)),
  tellRpo: async (instance, rpo) => void (await ask(instance, (handle) => handle.signal('rpo', rpo))),
};

const tell = (update: 'detach' | 'attach', instance: string, by: string): Promise<boolean> =>
  ask(instance, (handle) => handle.executeUpdate(update, { args: [{ by }] }));

/** @returns false where no archiver runs */
async function ask(instance: string, what: (handle: WorkflowHandle) => Promise<unknown>): Promise<boolean> {
  try {
    await what(Context.current().client.workflow.getHandle(inOwnDeployment(WORKFLOW_IDS.archive(instance))));
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
