import { Context } from '@temporalio/activity';
import { type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import type { Dependencies } from '../activities/dependencies.ts';
import type { NamedShard } from '../model/shard.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { inOwnDeployment } from './own-deployment.ts';

/** How activities tell an archiver to let go of its Redis, to come back, and what would be lost. */
export const archiver: Dependencies['archiver'] = {
  detach: (of, by) => tell('detach', of, by),
  attach: async (of, by) => void (await tell('attach', of, by)),
  tellRpo: async (of, rpo) => void (await ask(of, (handle) => handle.signal('rpo', rpo))),
};

const tell = (update: 'detach' | 'attach', of: NamedShard, by: string): Promise<boolean> =>
  ask(of, (handle) => handle.executeUpdate(update, { args: [{ by }] }));

/** @returns false where no archiver runs */
async function ask(of: NamedShard, what: (handle: WorkflowHandle) => Promise<unknown>): Promise<boolean> {
  try {
    await what(Context.current().client.workflow.getHandle(inOwnDeployment(WORKFLOW_IDS.archive(of.name))));
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
