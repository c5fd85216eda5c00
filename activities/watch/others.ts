import type { ShardRef } from '../../model/shard.ts';
import { checkServing } from '../../redis/health/serving.ts';
import type { Dependencies } from '../dependencies.ts';
import { otherShards } from '../restore/target-identity.ts';

export interface Others {
  /** They fail, and no operation has anything to do with it. */
  failing: string[];
  /** At least one serves, or loads: the network between here and there is well. */
  anyWell: boolean;
}

/** Looks at every other Redis at once. One that can't be told from here is in no list. */
export async function lookAtOthers(deps: Dependencies, own: ShardRef): Promise<Others> {
  const others = await otherShards(deps, own);
  const looks = await Promise.all(others.map(async (one) => ({ name: one.name, look: await lookAt(deps, one) })));
  return {
    failing: looks.filter(({ look }) => look === 'fails').map(({ name }) => name),
    anyWell: looks.some(({ look }) => look === 'serves' || look === 'loading'),
  };
}

async function lookAt(deps: Dependencies, of: ShardRef): Promise<string> {
  try {
    const { verdict } = await checkServing((await deps.shard(of)).connection);
    return verdict === 'fails' && (await mayBeStopped(deps, of.instance)) ? 'unknown' : verdict;
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
  own: ShardRef,
  deadBefore: readonly string[] = [],
): Promise<number | undefined> {
  const { failing, anyWell } = await lookAtOthers(deps, own);
  const together = failing.filter((name) => !deadBefore.includes(name)).length;
  return anyWell || together === 0 ? undefined : together;
}
