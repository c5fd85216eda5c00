import type { WorkflowExecutionInfo } from '@temporalio/client';
import { NO_SEARCH_ATTRIBUTES } from '../model/deployment.ts';
import { SEARCH_ATTRIBUTES } from '../model/operations.ts';

/**
 * The input of a run was refused before it said whose it is: it has looked at nothing, and is no run of that operation. Where
 * nobody could register the attributes, none can say that.
 */
export const isRefusedRun = ({
  status,
  searchAttributes,
  memo,
}: Pick<WorkflowExecutionInfo, 'status' | 'searchAttributes' | 'memo'>): boolean =>
  status.name === 'FAILED' && !searchAttributes[SEARCH_ATTRIBUTES.instance] && memo?.[NO_SEARCH_ATTRIBUTES] !== true;
