import { openRedis } from '../../../redis/client/client.ts';
import { type ServedPrimary, type ServePrimaryOptions, servePrimary } from '../../../redis/replication/primary.ts';
import { findBinary } from '../../support/binaries.ts';
import { describeBinary, isAtLeast } from '../../support/redis-binaries.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { feedOf, type LiveSource, takeSource } from './live-source.ts';

export const PASSWORD = 'one-time-secret';
/** Far beyond the follower's own offset, so that nobody goes on in the other history. */
const FAR = 2 ** 40;

/** 7 MB that load slowly enough to be watched, and a log behind it. */
export async function newData(options: RedisOptions = {}): Promise<LiveSource> {
  await using redis = await startRedis(options);
  await redis.command('DEBUG', 'POPULATE', '30000', 'new', '200');
  return await takeSource(redis, async () => {
    for (let n = 0; n < 200; n++) await redis.command('SET', `log:${n}`, 'x'.repeat(1000));
    await redis.command('DEL', 'new:1');
  });
}

export async function identityOf(redis: RedisServer) {
  const info = await (await redis.client()).info('replication');
  return { replid: info.get('master_replid') ?? '', offset: (info.number('master_repl_offset') ?? 0) + FAR };
}

/** A Redis with other data, which looks after its clients often while it loads. */
export async function startTarget(options: RedisOptions = {}): Promise<RedisServer> {
  const events = isAtLeast(describeBinary(options.binary ?? findBinary('redis-server')), 7) ? '65536' : undefined;
  const config = { 'repl-diskless-load': 'swapdb', 'loading-process-events-interval-bytes': events, ...options.config };
  const redis = await startRedis({ ...options, config });
  await redis.command('DEBUG', 'POPULATE', '20000', 'old', '200');
  return redis;
}

export const serve = async (
  target: RedisServer,
  { rdb, log }: LiveSource,
  options: Partial<ServePrimaryOptions> = {},
): Promise<ServedPrimary> =>
  servePrimary({
    listenHost: '127.0.0.1',
    port: 0,
    password: PASSWORD,
    identity: await identityOf(target),
    rdb: feedOf(rdb),
    log: feedOf(log),
    ...options,
  });

export async function tellToFollow(target: RedisServer, primary: ServedPrimary, password = PASSWORD): Promise<void> {
  await target.command('CONFIG', 'SET', 'masterauth', password);
  await target.command('REPLICAOF', '127.0.0.1', `${primary.port}`);
  primary.started();
}

/** Reads an old and a new key every 5 ms over a connection of its own: how often each was there, and which errors came. */
export async function watchReads(target: RedisServer) {
  const client = await openRedis(target.connection);
  const seen = { old: 0, new: 0, asyncLoading: 0, errors: [] as string[] };
  let isOver = false;
  const watch = async () => {
    for (let isLast = false; !isLast; ) {
      isLast = isOver; // one round begins behind the end: on a busy machine it is the only one that sees the new data
      try {
        if (await client.command('EXISTS', 'old:7')) seen.old++;
        if (await client.command('EXISTS', 'new:7')) seen.new++;
        if ((await client.info('persistence')).flag('async_loading')) seen.asyncLoading++;
      } catch (error) {
        seen.errors.push((error as Error).message);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    client.close();
    return seen;
  };
  const watching = watch();
  return {
    end: () => {
      isOver = true;
      return watching;
    },
  };
}
