import { RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';

const AT_ONCE = 200;

/**
 * How many of these keys are not there. Asked by MEMORY USAGE, since EXISTS counts as a lookup and would disturb the hit rate
 * that is watched at the same time. Ends in database 0.
 * @throws RecoveryError `REDIS_PERMISSION_DENIED` without `+memory|usage` and these keys
 */
export async function countMissing(
  client: RedisClient,
  keys: readonly { db: number; key: Buffer }[],
  signal?: AbortSignal,
): Promise<number> {
  let missing = 0;
  const databases = [...new Set(keys.map(({ db }) => db))];
  for (const db of databases) {
    const here = keys.filter((one) => one.db === db);
    await client.command('SELECT', `${db}`);
    for (let at = 0; at < here.length; at += AT_ONCE) {
      signal?.throwIfAborted();
      const asked = here.slice(at, at + AT_ONCE);
      const replies = await client.batch(asked.map(({ key }) => ['MEMORY', 'USAGE', key, 'SAMPLES', '1'] as const));
      for (const reply of replies) {
        if (reply instanceof RecoveryError) throw reply;
        if (reply === null) missing += 1;
      }
    }
  }
  await client.command('SELECT', '0');
  return missing;
}
