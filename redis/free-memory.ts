import type { Room } from '../model/merge/free-memory.ts';
import type { RedisClient } from './client/client.ts';
import { ifKnown } from './client/renames.ts';

/** Reads how full a Redis is. What INFO does not have counts as full use: Redis before 4.0 has no `mem_not_counted_for_evict`. */
export async function readRoom(client: RedisClient): Promise<Room> {
  const info = await client.info('memory', 'stats');
  return {
    maxmemoryBytes: info.number('maxmemory') ?? 0,
    policy: info.get('maxmemory_policy') ?? '',
    countedBytes: (info.number('used_memory') ?? 0) - (info.number('mem_not_counted_for_evict') ?? 0),
    evictedKeys: info.number('evicted_keys') ?? 0,
  };
}

/** What one client may send at once. */
export interface SendLimits {
  /** Of all that it has under way. */
  batchBytes: number;
  /** Of one value: Redis closes the connection of who sends more. */
  valueBytes: number;
}

const MOST_BATCH_BYTES = 4 * 1024 * 1024;
const LEAST_BATCH_BYTES = 64 * 1024;
/** Of maxmemory and of `maxmemory-clients`: what is under way counts against both. */
const BATCH_SHARE = 1 / 64;

/** Reads from the settings of a Redis how much may be sent to it at once; by Redis' defaults where it cannot be asked. */
export async function readSendLimits(client: RedisClient): Promise<SendLimits> {
  const asked = client.configGet('maxmemory', 'maxmemory-clients', 'client-query-buffer-limit', 'proto-max-bulk-len');
  const settings: Record<string, string> = (await ifKnown(asked)) ?? {};
  const maxmemory = Number(settings.maxmemory ?? 0);
  const share = /^(\d+)%$/.exec(settings['maxmemory-clients'] ?? '');
  const ofClients = share ? (maxmemory * Number(share[1])) / 100 : Number(settings['maxmemory-clients'] ?? 0);
  const limits = [maxmemory, ofClients].filter((limit) => limit > 0).map((limit) => Math.floor(limit * BATCH_SHARE));
  const ofQuery = Number(settings['client-query-buffer-limit'] ?? Number.POSITIVE_INFINITY);
  return {
    batchBytes: Math.max(LEAST_BATCH_BYTES, Math.min(MOST_BATCH_BYTES, ...limits)),
    valueBytes: Math.min(Number(settings['proto-max-bulk-len'] ?? Number.POSITIVE_INFINITY), ofQuery / 2),
  };
}
