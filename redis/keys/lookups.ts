import { RecoveryError } from '../../model/errors.ts';
import type { LookupCounters } from '../../model/recovery/warmth.ts';
import { nameOfClient, type RedisClient } from '../client/client.ts';

/**
 * How many lookups of keys the server has answered since its process began, from INFO. GET, EXISTS, TTL, HGET and the like
 * count; INCR, SET and SCAN do not.
 */
export async function readLookups(client: RedisClient): Promise<LookupCounters> {
  const info = await client.info('server', 'stats');
  const [runId, hits, misses] = [info.get('run_id'), info.number('keyspace_hits'), info.number('keyspace_misses')];
  if (runId !== undefined && hits !== undefined && misses !== undefined) return { runId, hits, misses };
  throw new RecoveryError('REDIS_REFUSED', `INFO of ${nameOfClient(client)} does not count lookups`, {
    next: 'Give warmup.target no value, and look at the hit rate where the applications count it.',
  });
}
