import { checkServing } from '../../redis/health/serving.ts';
import type { Dependencies } from '../dependencies.ts';

export interface Others {
  /** They fail, and no operation has anything to do with it. */
  failing: string[];
  /** At least one serves, or loads: the network between here and there is well. */
  anyWell: boolean;
}

/** Looks at every other instance at once. One that can't be told from here is in no list. */
export async function lookAtOthers(deps: Dependencies, instance: string): Promise<Others> {
  const others = deps.instances().filter((name) => name !== instance);
  const looks = await Promise.all(others.map(async (name) => ({ name, look: await lookAt(deps, name) })));
  return {
    failing: looks.filter(({ look }) => look === 'fails').map(({ name }) => name),
    anyWell: looks.some(({ look }) => look === 'serves' || look === 'loading'),
  };
}

async function lookAt(deps: Dependencies, name: string): Promise<string> {
  try {
    const { verdict } = await checkServing((await deps.instance(name)).connection);
    return verdict === 'fails' && (await mayBeStopped(deps, name)) ? 'unknown' : verdict;
  } catch {
    return 'unknown'; // its secret isn't there, or Temporal isn't: it says nothing of our network
  }
}

/**
 * An operation holds its lock that keeps it from serving, or brings it back. One that has not begun with that is no reason.
 * @param ownRunId - of who asks, and stops nothing itself any more
 */
export async function mayBeStopped(deps: Dependencies, instance: string, ownRunId?: string): Promise<string | undefined> {
  const holder = await deps.operations.lockHolder(instance);
  if (!holder || holder.runId === ownRunId) return undefined;
  return holder.interrupts || holder.kind === 'recovery' ? holder.workflowId : undefined;
}

/**
 * How many others fail together with this one, if all do: then it is our own network that fails.
 * @param deadBefore - these have failed for long, and say nothing
 */
export async function failingOthers(
  deps: Dependencies,
  instance: string,
  deadBefore: readonly string[] = [],
): Promise<number | undefined> {
  const { failing, anyWell } = await lookAtOthers(deps, instance);
  const together = failing.filter((name) => !deadBefore.includes(name)).length;
  return anyWell || together === 0 ? undefined : together;
}
