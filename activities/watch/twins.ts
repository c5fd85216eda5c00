import { partReplicas } from '../../model/recovery/replicas.ts';
import { twinAdvice, twinsOf, twinText } from '../../model/recovery/twins.ts';
import type { SeenTwin } from '../../model/watch/watch.ts';
import { checkHealth } from '../../redis/health/health.ts';
import { neighbour } from '../../redis/roles.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { addressesOf, knownHistory } from '../recovery/known-history.ts';

const LOOK_MS = 2_000;

/**
 * Primaries of the history of a Redis that serves, beside it: one of its replicas was promoted.
 * @param replicas - those that it has named before, beside the configured ones; those that it names now are added
 * @returns undefined: it did not answer as a primary, so that there is nothing to compare with
 */
export async function lookForTwins(target: ProtectedInstance, replicas: Set<string>): Promise<SeenTwin[] | undefined> {
  const { name, connection, recovery } = target;
  const { facts } = await checkHealth(connection, { withinMs: LOOK_MS });
  if (facts?.role !== 'master') return undefined;
  for (const address of [...recovery.replicas, ...facts.replicas]) replicas.add(address);
  const looks = await Promise.all(
    [...replicas].map(async (address) => ({
      address,
      look: await checkHealth(neighbour(connection, address), { withinMs: LOOK_MS }),
    })),
  );
  const nothing = { replicas: [], unknown: [] };
  const ours = partReplicas(looks, knownHistory(await addressesOf(connection), facts, undefined, nothing));
  const twins = twinsOf({ replicas: ours.replicas, stored: nothing }, facts);
  return twins.map((one) => ({ address: one.address, text: `${twinText(name, facts, one)} ${twinAdvice(name, one)}` }));
}
