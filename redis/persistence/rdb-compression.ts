import type { RedisClient } from '../client/client.ts';
import { ifKnown } from '../client/renames.ts';
import { runningChild } from './children.ts';

/**
 * `rdbcompression` turned off for the length of one fork, so that Redis doesn't spend its time on LZF and our own compression
 * does better. Never with CONFIG REWRITE: a restart of Redis brings the old value back.
 */
export interface UncompressedFork {
  /** Why it was left on; absent when it is off. */
  refusedBecause?: string;
  /** For +FULLRESYNC, when the child has taken the setting over, and for every end before it. Idempotent. */
  putBack(): Promise<void>;
}

/** Whether Redis compresses what it writes; undefined: CONFIG is disabled there, or has another name. */
export async function usesRdbCompression(client: RedisClient): Promise<boolean | undefined> {
  const settings = await ifKnown(client.configGet('rdbcompression'));
  return settings && !client.unasked.has('CONFIG GET') ? settings.rdbcompression === 'yes' : undefined;
}

/**
 * Turns `rdbcompression` off if nothing but our own fork can see it; else says why not, and the snapshot goes on as usual. Only
 * where it was on before the first attempt.
 * @param freeDiskBytes - of the disk under Redis' `dir`; undefined when it cannot be seen from here
 */
export async function openUncompressedFork(client: RedisClient, freeDiskBytes?: number): Promise<UncompressedFork> {
  await putBackRdbCompression(client); // an attempt that died has left it off: it was on when the instance was assessed
  const refusedBecause = await whyCompressed(client, freeDiskBytes);
  if (refusedBecause !== undefined) return { refusedBecause, putBack: async () => undefined };
  await client.configSet('rdbcompression', 'no');
  let off = true;
  return {
    async putBack() {
      if (!off) return;
      await putBackRdbCompression(client);
      off = false;
    },
  };
}

/** Idempotent. Also for what a dead attempt left behind. */
export async function putBackRdbCompression(client: RedisClient): Promise<void> {
  await client.configSet('rdbcompression', 'yes');
}

/**
 * From turning it off until the fork (5 s and more) anything else that forks writes uncompressed to Redis' disk, fifty times as
 * much in the worst case seen. So only when the sync itself is diskless, no child runs, and the disk has room for all of the
 * data in memory.
 */
async function whyCompressed(client: RedisClient, freeDiskBytes: number | undefined): Promise<string | undefined> {
  const [info, settings] = await Promise.all([
    client.info('persistence', 'memory', 'replication'),
    ifKnown(client.configGet('rdbcompression', 'repl-diskless-sync', 'save', 'appendonly')),
  ]);
  if (!settings || client.unasked.has('CONFIG GET')) return 'CONFIG is disabled there, or has another name';
  if (settings.rdbcompression !== 'yes') return 'rdbcompression is not a setting of this server';
  if (settings['repl-diskless-sync'] !== 'yes') return 'repl-diskless-sync is no: our snapshot would be its dump.rdb on disk';
  const child = runningChild(info);
  if (child !== undefined) return `${child} is running, and the fork has to wait for it`;
  if (info.flag('aof_rewrite_scheduled') || info.flag('rdb_bgsave_scheduled')) return 'a save or an AOF rewrite is scheduled';
  if (info.flag('loading')) return 'it is loading';
  // Whatever is written beside us is at most all data, uncompressed; the growth is bounded by the memory it takes.
  const usedMemory = info.number('used_memory') ?? Number.POSITIVE_INFINITY;
  if (freeDiskBytes === undefined) {
    return settings.save === '' && settings.appendonly === 'no'
      ? undefined // nothing but a person's BGSAVE writes to its disk
      : 'its disk cannot be seen from here, and a save or an AOF rewrite in the same seconds would be written uncompressed';
  }
  return freeDiskBytes < usedMemory
    ? `its disk has ${freeDiskBytes} bytes free, and an uncompressed save may take ${usedMemory}`
    : undefined;
}
