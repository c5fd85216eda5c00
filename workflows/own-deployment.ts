import { workflowInfo } from '@temporalio/workflow';
import { deploymentOf, named } from '../model/deployment.ts';

/** The deployment that this workflow belongs to: the one of its queue. */
export const ownDeployment = (): string | undefined => deploymentOf(workflowInfo().taskQueue);

/** The full name of a queue or a workflow in it. */
export const inOwnDeployment = (name: string): string => named(ownDeployment(), name);

/** For the status of a page, whose commands name the workflow in full. */
export function deploymentPart(): { deployment?: string } {
  const deployment = ownDeployment();
  return deployment === undefined ? {} : { deployment };
}
