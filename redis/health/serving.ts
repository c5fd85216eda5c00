import { messageOf, RecoveryError } from '../../model/errors.ts';
import { openRedis, type RedisClient } from '../client/client.ts';
import type { RedisConnection } from '../client/connection.ts';
import type { RedisInfo } from '../client/info.ts';
import { loadingProgress } from './loading.ts';

/** What one look at a Redis found. */
export type ServingReport =
  | { verdict: 'serves'; detail: string; runId?: string }
  | { verdict: 'fails'; detail: string }
  | { verdict: 'loading'; detail: string; loadedBytes: number }
  /** It can't be told from here, which says nothing of this Redis. */
  | { verdict: 'unknown'; detail: string };

/** How long connecting and each answer may take. */
const TIMEOUT_MS = 2_000;
/** Redis answers, and doesn't let us see how it is. */
const REFUSED = ['REDIS_AUTH_FAILED', 'REDIS_PERMISSION_DENIED'];
/** It is this machine that has no more files, memory or name server. */
const OWN_TROUBLE = /\b(?:EMFILE|ENFILE|ENOMEM|ENOBUFS|EADDRNOTAVAIL|EAI_AGAIN)\b/;

/**
 * Looks once whether a Redis serves: PONG, `loading:0`, a primary, and no reason to refuse writes. Writes nothing and never
 * throws: whatever goes wrong is what was seen.
 */
export async function checkServing(connection: RedisConnection, timeoutMs = TIMEOUT_MS): Promise<ServingReport> {
  let client: RedisClient | undefined;
  try {
    client = await openRedis(connection, { connectTimeoutMs: timeoutMs, commandTimeoutMs: timeoutMs });
    const info = await client.info(); // answers while it loads, too
    const { loading, loadedBytes = 0, percent } = loadingProgress(info);
    if (loading) return { verdict: 'loading', loadedBytes, detail: `it loads its data, ${Math.floor(percent ?? 0)} % so far` };
    await client.ping();
    const refusal = whyWritesAreRefused(info);
    if (refusal) return { verdict: 'fails', detail: refusal };
    const runId = info.get('run_id');
    return { verdict: 'serves', detail: 'a primary that answers', ...(runId ? { runId } : {}) };
  } catch (error) {
    const detail = messageOf(error);
    const unclear = OWN_TROUBLE.test(detail) || (error instanceof RecoveryError && REFUSED.includes(error.code));
    return { verdict: unclear ? 'unknown' : 'fails', detail };
  } finally {
    client?.close();
  }
}

/** PING has answered, so it is not MISCONF: what is left are a replica and a full memory. */
function whyWritesAreRefused(info: RedisInfo): string | undefined {
  if (info.get('role') === 'slave') return `it is a replica of ${info.get('master_host')}:${info.get('master_port')}`;
  const limit = info.number('maxmemory') ?? 0;
  const counted = (info.number('used_memory') ?? 0) - (info.number('mem_not_counted_for_evict') ?? 0);
  const isFull = limit > 0 && info.get('maxmemory_policy') === 'noeviction' && counted > limit;
  return isFull ? `its memory is full (${counted} of ${limit} bytes, noeviction): it refuses writes` : undefined;
}
