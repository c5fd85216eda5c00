import type { RedisClient } from '../client/client.ts';
import { ifKnown } from '../client/renames.ts';
import { runningChild } from './children.ts';

export type RdbCompressionVerdict = { ok: true } | { ok: false; why: string };

/**
 * Whether `rdbcompression` may be turned off for the length of one fork, so that Redis doesn't spend its time on LZF and our
 * own compression does better. From turning it off until the fork (5 s and more) anything else that forks writes uncompressed
 * to Redis' disk, fifty times as much in the worst case seen. So only when the sync itself is diskless, no child runs, and
 * the disk has room for all of the data in memory.
 * @param freeDiskBytes - of the disk under Redis' `dir`; undefined when it cannot be seen
 */
export async function canTurnOffRdbCompression(
  client: RedisClient,
  { freeDiskBytes }: { freeDiskBytes?: number } = {},
): Promise<RdbCompressionVerdict> {
  const [info, settings] = await Promise.all([
    client.info('persistence', 'memory', 'replication'),
    ifKnown(client.configGet('rdbcompression', 'repl-diskless-sync', 'save', 'appendonly')),
  ]);
  const refuse = (why: string): RdbCompressionVerdict => ({ ok: false, why });
  if (!settings || client.unasked.has('CONFIG GET')) return refuse('CONFIG is disabled there, or has another name');
  if (settings.rdbcompression !== 'yes') return refuse('rdbcompression is off already, or not a setting of this server');
  if (settings['repl-diskless-sync'] !== 'yes')
    return refuse('repl-diskless-sync is no: our snapshot would be its dump.rdb on disk');
  const child = runningChild(info);
  if (child !== undefined) return refuse(`${child} is running, and the fork has to wait for it`);
  if (info.flag('aof_rewrite_scheduled') || info.flag('rdb_bgsave_scheduled'))
    return refuse('a save or an AOF rewrite is scheduled');
  if (info.flag('loading')) return refuse('it is loading');
  // Whatever is written beside us is at most all data, uncompressed; the growth is bounded by the memory it takes.
  const usedMemory = info.number('used_memory') ?? Number.POSITIVE_INFINITY;
  if (freeDiskBytes === undefined) {
    return settings.save === '' && settings.appendonly === 'no'
      ? { ok: true } // nothing but a person's BGSAVE writes to its disk
      : refuse(
          'its disk cannot be seen from here, and a save or an AOF rewrite in the same seconds would be written uncompressed',
        );
  }
  if (freeDiskBytes < usedMemory) {
    return refuse(`its disk has ${freeDiskBytes} bytes free, and an uncompressed save may take ${usedMemory}`);
  }
  return { ok: true };
}

/** Turns it off until `putBackRdbCompression`. Never CONFIG REWRITE: a restart of Redis brings the old value back. */
export async function turnOffRdbCompression(client: RedisClient): Promise<void> {
  await client.configSet('rdbcompression', 'no');
}

/** Puts back what was there before; may be called again. Call it at +FULLRESYNC, on every error, and at the begin of the next run. */
export async function putBackRdbCompression(client: RedisClient, value: 'yes' | 'no' = 'yes'): Promise<void> {
  await client.configSet('rdbcompression', value);
}
