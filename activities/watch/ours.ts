import { openRedis } from '../../redis/client/client.ts';
import { checkServing, type ServingReport } from '../../redis/health/serving.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { strangerToUs } from '../owner.ts';
import { strangerRefusing } from '../stranger.ts';

const PATIENCE_MS = 2_000;

/**
 * Looks once whether a Redis serves. On its own machine another one that answers in its place is none that serves, but for one
 * that goes on with its history.
 * @param known - the run id of one that was found to be ours
 */
export async function lookAtOurs(deps: Dependencies, target: ProtectedInstance, known?: string): Promise<ServingReport> {
  const look = await checkServing(target.connection);
  if (!target.control?.isAtHand || (look.verdict !== 'serves' && look.verdict !== 'unknown')) return look;
  if (look.verdict === 'serves' && known !== undefined && look.runId === known) return look;
  const asked = look.verdict === 'serves' ? strangerNow(deps, target) : strangerRefusing(target);
  const why = await asked.catch(() => undefined); // gone again: the next look sees that
  return why === undefined ? look : { verdict: 'fails', detail: `another Redis answers in its place: ${why}` };
}

async function strangerNow(deps: Dependencies, target: ProtectedInstance): Promise<string | undefined> {
  using client = await openRedis(target.connection, { connectTimeoutMs: PATIENCE_MS, commandTimeoutMs: PATIENCE_MS });
  return await strangerToUs(deps, target, client);
}
