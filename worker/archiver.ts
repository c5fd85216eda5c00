import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { World } from '../activities/world.ts';
import { WORKFLOW_IDS } from '../model/operations.ts';

/** How activities tell `archive/<instance>` to let go of its Redis, and to come back. */
export const archiver: World['archiver'] = {
  detach: (instance, by) => tell('detach', instance, by),
  attach: async (instance, by) => void (await tell('attach', instance, by)),
};

/** @returns false where no archiver runs */
async function tell(update: 'detach' | 'attach', instance: string, by: string): Promise<boolean> {
  const handle = Context.current().client.workflow.getHandle(WORKFLOW_IDS.archive(instance));
  try {
    await handle.executeUpdate(update, { args: [{ by }] });
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
