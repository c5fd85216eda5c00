import { RecoveryError } from '../model/errors.ts';
import type { RedisClient } from './client/client.ts';
import { isCommandMissing } from './client/renames.ts';

/**
 * How many Sentinels watch this Redis, primary or replica: each listens on this channel of every Redis that it knows.
 * Undefined when nobody may ask (`+pubsub|numsub`, or PUBSUB is disabled): that is not known, and never 0.
 * @see redis src/sentinel.c, SENTINEL_HELLO_CHANNEL
 */
export async function countSentinels(client: RedisClient): Promise<number | undefined> {
  try {
    const [, count] = (await client.command('PUBSUB', 'NUMSUB', '__sentinel__:hello')) as [string, number];
    return Number(count);
  } catch (error) {
    if (error instanceof RecoveryError && (error.code === 'REDIS_PERMISSION_DENIED' || isCommandMissing(error))) return undefined;
    throw error;
  }
}
