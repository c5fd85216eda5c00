import { Context } from '@temporalio/activity';
import { deploymentOf, named } from '../model/deployment.ts';

/** The full name of a workflow in the deployment of the running activity, which is the one of its queue. */
export const inOwnDeployment = (workflowId: string): string => named(deploymentOf(Context.current().info.taskQueue), workflowId);
