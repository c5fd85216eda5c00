import { openRedis } from '../../redis/client/client.ts';
import { lookAtServing, type ServingLook } from '../../redis/health/serving.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { strangerAnswering } from '../stranger.ts';

const PATIENCE_MS = 2_000;

/**
 * Looks once whether a Redis serves. On its own machine another one that answers in its place is none that serves.
 * @param known - the run id of one that was found to be ours
 */
export async function lookAtOurs(target: ProtectedInstance, known?: string): Promise<ServingLook> {
  const look = await lookAtServing(target.connection);
  if (look.verdict !== 'serves' || !target.control?.isAtHand) return look;
  if (known !== undefined && look.runId === known) return look;
  const why = await strangerNow(target).catch(() => undefined); // gone again: the next look sees that
  return why === undefined ? look : { verdict: 'fails', detail: `another Redis answers in its place: ${why}` };
}

async function strangerNow(target: ProtectedInstance): Promise<string | undefined> {
  using client = await openRedis(target.connection, { connectTimeoutMs: PATIENCE_MS, commandTimeoutMs: PATIENCE_MS });
  return await strangerAnswering(target, client);
}
