import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import {
  ActivityFailure,
  CancellationScope,
  proxyLocalActivities,
  upsertMemo,
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptorsFactory,
  type WorkflowInternalsInterceptor,
  type WorkflowOutboundCallsInterceptor,
  workflowInfo,
} from '@temporalio/workflow';
import type { TargetActivities } from '../activities/target.ts';
import { ANY_HOST, NO_SEARCH_ATTRIBUTES, TARGET, type Target } from '../model/deployment.ts';
import { inOwnDeployment } from './own-deployment.ts';

type Inbound = Required<WorkflowInboundCallsInterceptor>;
type Internals = Required<WorkflowInternalsInterceptor>;
type Outbound = Required<WorkflowOutboundCallsInterceptor>;

const { recordTarget } = proxyLocalActivities<TargetActivities>({
  startToCloseTimeout: '5 seconds',
  retry: { maximumAttempts: 1 },
});

/**
 * Around every workflow: its steps and children carry the Redis that it is for (model/deployment.ts), and have the names of its
 * deployment, which is the one of its own queue. So no workflow, and no step, has to think of it.
 */
class Belonging implements WorkflowInboundCallsInterceptor, WorkflowOutboundCallsInterceptor {
  #instance: string | undefined;
  #target: Promise<Target | undefined> | undefined;

  async execute(...[input, next]: Parameters<Inbound['execute']>): Promise<unknown> {
    this.#instance = (input.args[0] as { instance?: string } | undefined)?.instance;
    return next(input); // at once: handlers must be there before anything is awaited
  }

  async scheduleActivity(...[input, next]: Parameters<Outbound['scheduleActivity']>): Promise<unknown> {
    const target = await this.#known();
    const { options } = input;
    const headers: Headers = target ? { ...input.headers, [TARGET]: defaultPayloadConverter.toPayload(target) } : input.headers;
    return next({
      ...input,
      headers,
      options: { ...options, ...(options.taskQueue ? { taskQueue: inOwnDeployment(options.taskQueue) } : {}) },
    });
  }

  async startChildWorkflowExecution(...[input, next]: Parameters<Outbound['startChildWorkflowExecution']>) {
    const target = await this.#known();
    const { options } = input;
    const { workflowId, taskQueue, memo } = options;
    return next({
      ...input,
      options: {
        ...options,
        workflowId: inOwnDeployment(workflowId),
        ...(taskQueue ? { taskQueue: inOwnDeployment(taskQueue) } : {}),
        memo: { ...memo, ...inherited(), ...(target ? { [TARGET]: target } : {}) },
      },
    });
  }

  async signalWorkflow(...[input, next]: Parameters<Outbound['signalWorkflow']>): Promise<void> {
    const { target } = input;
    if (target.type === 'child')
      return next({ ...input, target: { ...target, childWorkflowId: inOwnDeployment(target.childWorkflowId) } });
    const { workflowId, runId } = target.workflowExecution;
    const workflowExecution = { ...(workflowId ? { workflowId: inOwnDeployment(workflowId) } : {}), ...(runId ? { runId } : {}) };
    return next({ ...input, target: { ...target, workflowExecution } });
  }

  async continueAsNew(...[input, next]: Parameters<Outbound['continueAsNew']>): Promise<never> {
    const { [TARGET]: target } = workflowInfo().memo ?? {};
    return next({ ...input, options: { ...input.options, ...(target ? { memo: { [TARGET]: target } } : {}) } });
  }

  /** Said by whoever started it; else, and where it leaves the machine open, noted by the worker that takes its first step. */
  #known(): Promise<Target | undefined> {
    this.#target ??= this.#find();
    return this.#target;
  }

  async #find(): Promise<Target | undefined> {
    const wanted = workflowInfo().memo?.[TARGET] as Target | undefined;
    const instance = wanted?.instance ?? this.#instance;
    if ((wanted && wanted.host !== ANY_HOST) || instance === undefined) return wanted;
    const noted = await CancellationScope.nonCancellable(() => recordTarget({ instance, ...(wanted ? { wanted } : {}) })).catch(
      (error) => {
        if (error instanceof ActivityFailure) return null; // each step still compares what is known
        throw error;
      },
    );
    if (noted) upsertMemo({ [TARGET]: noted });
    return noted ?? wanted;
  }
}

const inherited = (): object => (workflowInfo().memo?.[NO_SEARCH_ATTRIBUTES] ? { [NO_SEARCH_ATTRIBUTES]: true } : {});

/**
 * For a recovery that was started where the namespace lacks our search attributes and nobody may register them: to set one that is
 * missing would wedge it. Decided by its memo, so that a replay decides alike.
 */
class WithoutSearchAttributes implements WorkflowInternalsInterceptor {
  concludeActivation(...[input, next]: Parameters<Internals['concludeActivation']>) {
    const { commands, ...rest } = next(input);
    if (!workflowInfo().memo?.[NO_SEARCH_ATTRIBUTES]) return { commands, ...rest };
    const allowed = commands.filter(({ upsertWorkflowSearchAttributes }) => !upsertWorkflowSearchAttributes);
    for (const { startChildWorkflowExecution } of allowed) {
      if (startChildWorkflowExecution) startChildWorkflowExecution.searchAttributes = null;
    }
    return { ...rest, commands: allowed };
  }
}

export const interceptors: WorkflowInterceptorsFactory = () => {
  const belonging = new Belonging();
  return { inbound: [belonging], outbound: [belonging], internals: [new WithoutSearchAttributes()] };
};
