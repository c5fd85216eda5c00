import { messageOf, RecoveryError } from '../../model/errors.ts';
import { nameOfClient, type RedisClient } from '../client/client.ts';

/**
 * Ends the script or function that keeps a Redis from answering. What it has read is of no effect. Idempotent.
 * @returns what was ended; `nothing` if none runs (any more)
 * @throws RecoveryError `REDIS_REFUSED` for one that has written: Redis ends it only together with all its data in memory
 */
export async function killScript(client: RedisClient): Promise<'script' | 'function' | 'nothing'> {
  const answer = await kill(client, 'SCRIPT');
  if (answer === 'ended') return 'script';
  // Where a function is what keeps it busy, it says so; functions came with 7.0.
  if (answer === 'idle') return 'nothing';
  return (await kill(client, 'FUNCTION')) === 'ended' ? 'function' : 'nothing';
}

async function kill(client: RedisClient, kind: 'SCRIPT' | 'FUNCTION'): Promise<'ended' | 'idle' | 'other'> {
  try {
    await client.command(kind, 'KILL');
    return 'ended';
  } catch (error) {
    const text = messageOf(error);
    if (/UNKILLABLE/.test(text)) throw hasWritten(client, kind.toLowerCase());
    if (/NOTBUSY/.test(text)) return 'idle';
    if (/\bBUSY\b/.test(text)) return 'other';
    throw error;
  }
}

const hasWritten = (client: RedisClient, what: string): RecoveryError =>
  new RecoveryError('REDIS_REFUSED', `the ${what} that blocks ${nameOfClient(client)} has written already, and cannot be ended`, {
    next: 'Wait for it, or end Redis by SHUTDOWN NOSAVE: what is neither in its append-only log nor in its last save is lost then.',
  });
