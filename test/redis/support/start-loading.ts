import { type RedisServer, startRedis } from '../../support/redis-server.ts';

/** A Redis that takes seconds for its 2,000 keys, and answers INFO meanwhile. */
export async function startLoading(): Promise<RedisServer> {
  await using source = await startRedis();
  await source.command('DEBUG', 'POPULATE', '2000');
  await source.command('SAVE');
  return startRedis({
    seed: { 'dump.rdb': { from: `${source.dir}/dump.rdb` } },
    config: { 'key-load-delay': '5000', 'loading-process-events-interval-bytes': '1024' },
    until: 'connected',
  });
}
