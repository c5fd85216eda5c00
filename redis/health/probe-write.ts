import { randomUUID } from 'node:crypto';
import { RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';

/** Keys of the probe begin so: the ACL of its user names them, and nobody else's keys are touched. */
const PROBE_PREFIX = '__redis-backup:probe:';
/** A probe that is cut off leaves a key for this long. */
const LIVES_MS = '10000';

/**
 * Proves that Redis serves: it answers PONG, takes a write, and gives back what was written. The key has a time to live, and
 * is deleted again. One round trip. Needs `+ping +set +get +del ~__redis-backup:probe:*` (MINIMUM_ACL.recovery).
 * @throws RecoveryError what Redis refuses it with, such as `REDIS_REFUSED` (MISCONF, OOM, READONLY, NOREPLICAS),
 *   `REDIS_NOT_READY` (LOADING, BUSY) or `REDIS_PERMISSION_DENIED`
 */
export async function probeWrite(client: RedisClient): Promise<void> {
  const value = randomUUID();
  const key = `${PROBE_PREFIX}${value}`;
  const replies = await client.batch([['PING'], ['SET', key, value, 'PX', LIVES_MS], ['GET', key], ['DEL', key]]);
  const refused = replies.find((reply) => reply instanceof RecoveryError);
  if (refused) throw refused;
  const [, , read] = replies;
  if (String(read) === value) return;
  throw new RecoveryError('REDIS_REFUSED', 'Redis accepted a write, and did not give back what was written', {
    next: 'Find out what answers at this address: a proxy that reads from a replica, or something that deletes keys.',
  });
}
