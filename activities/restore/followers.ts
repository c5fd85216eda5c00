import { replicasIn } from '../../model/recovery/log-signatures.ts';
import { partReplicas } from '../../model/recovery/replicas.ts';
import type { TargetFacts } from '../../model/restore/plan/facts.ts';
import type { Control } from '../../platforms/platform.ts';
import { checkHealth } from '../../redis/health/health.ts';
import { neighbour } from '../../redis/roles.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { addressesOf, knownHistory } from '../recovery/known-history.ts';

const LOOK_MS = 2_500;
const LOG_LINES = 200;
/** An address may have changed with each restart of a replica. */
const MOST_NAMED = 16;

/** Replicas with data that still follow a Redis which does not answer: those that are configured, and those that its log names. Read-only. */
export async function followersOf(
  { connection, recovery }: ProtectedInstance,
  platform: Control,
): Promise<Pick<TargetFacts, 'followers'>> {
  const named = replicasIn(await platform.logs(LOG_LINES).catch(() => [])); // of a log that cannot be read the configured ones are left
  const addresses = [...new Set([...recovery.replicas, ...named])].slice(0, MOST_NAMED);
  const looks = await Promise.all(
    addresses.map(async (address) => ({
      address,
      look: await checkHealth(neighbour(connection, address), { withinMs: LOOK_MS }),
    })),
  );
  const nothing = { replicas: [], unknown: [] };
  const { replicas } = partReplicas(looks, knownHistory(await addressesOf(connection), undefined, undefined, nothing));
  const followers = replicas.flatMap(({ address, look: { facts } }) =>
    facts?.role === 'slave' && facts.keys > 0 ? [{ address, keys: facts.keys }] : [],
  );
  return followers.length > 0 ? { followers } : {};
}
