import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_DIRECTORY, findBinary } from '../test/support/binaries.ts';
import { pipeline } from '../test/support/pipeline.ts';
import { type RedisServer, startRedis } from '../test/support/redis-server.ts';
import { measureCommand } from './processes.ts';
import { benchCommands } from './shapes.ts';

/** So far ahead that nothing expires while it is measured, today or in a year. */
const FAR_AHEAD_MS = Date.UTC(2100, 0, 1);

/** Redis as every contender finds it: nothing that saves by itself, and no wait for further replicas before a fork. */
export const BENCH_CONFIG = {
  save: '',
  appendonly: 'no',
  'repl-diskless-sync': 'yes',
  'repl-diskless-sync-delay': '0',
  maxmemory: '0',
};

/**
 * An RDB with so many keys in the shapes of the data classes, as this Redis writes it. Made once and kept under `.cache/`:
 * loading it takes seconds, filling a Redis takes a minute.
 */
export async function rdbWithKeys(keys: number, note: (text: string) => void): Promise<{ path: string; bytes: number }> {
  const directory = join(CACHE_DIRECTORY, 'bench');
  const path = join(directory, `data-2-${keys}.rdb`);
  if (!existsSync(path)) {
    note(`making ${keys} keys, once`);
    mkdirSync(directory, { recursive: true });
    await using redis = await startRedis({ config: BENCH_CONFIG });
    await pipeline({ port: redis.port }, benchCommands(keys, FAR_AHEAD_MS));
    await measureCommand(findBinary('redis-cli'), ['-p', `${redis.port}`, '--rdb', `${path}.part`]);
    renameSync(`${path}.part`, path);
  }
  return { path, bytes: statSync(path).size };
}

/** A Redis that holds this RDB. */
export const redisWith = (rdb: string): Promise<RedisServer> =>
  startRedis({ config: BENCH_CONFIG, seed: { 'dump.rdb': { from: rdb } } });
