import { aux, database, key, rdb, text } from '../../support/rdb-bytes.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../../support/redis-server.ts';

export const WITH_LOG = { appendonly: 'yes' };

/** A Redis that ends by itself as it starts. */
export async function endsAtStart(options: RedisOptions): Promise<RedisServer> {
  const redis = await startRedis({ ...options, until: 'started' });
  await redis.exited();
  return redis;
}

export async function filled(redis: RedisServer, keys = 50): Promise<void> {
  for (let n = 0; n < keys; n++) await redis.command('SET', `session:${n}`, 'x'.repeat(50));
}

export const goodRdb = (records: Buffer[] = [database(0), key(0, 'a', text('b'))]): Buffer =>
  rdb('REDIS0009', [aux('redis-ver', '6.2.0'), ...records]);
