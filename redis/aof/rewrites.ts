import { RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';
import { describeConnection } from '../client/connection.ts';
import { pollInfo } from '../persistence/children.ts';

const SETTING = 'auto-aof-rewrite-percentage';

/**
 * Runs `body` while Redis begins no rewrite of its log by itself, and puts the setting back. A user who may not CONFIG SET
 * goes on without: whoever copies sees a rewrite by the manifest, this only makes it rare.
 * @param previous - what the setting was, where an attempt that was killed may have left it at 0
 */
export async function withoutAutoRewrite<T>(
  client: RedisClient,
  previous: string | undefined,
  body: (previous: string) => Promise<T>,
): Promise<T> {
  const current = (await client.configGet(SETTING))[SETTING] ?? '';
  const wanted = previous ?? current;
  const isHeld = await set(client, '0');
  try {
    return await body(wanted);
  } finally {
    if (isHeld && wanted !== '0') await set(client, wanted);
  }
}

async function set(client: RedisClient, value: string): Promise<boolean> {
  try {
    await client.configSet(SETTING, value);
    return true;
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'REDIS_PERMISSION_DENIED') return false;
    throw error;
  }
}

export interface AwaitNoRewriteOptions {
  signal?: AbortSignal;
  onProgress?: (state: string) => void;
  /** Default 10 min. */
  rewriteTimeoutMs?: number;
}

/**
 * Returns when no rewrite runs or is due.
 * @throws RecoveryError `REDIS_NOT_READY` when it takes too long
 */
export async function awaitNoRewrite(
  client: RedisClient,
  { signal, onProgress, rewriteTimeoutMs = 600_000 }: AwaitNoRewriteOptions,
): Promise<void> {
  const late = AbortSignal.timeout(rewriteTimeoutMs);
  const either = signal ? AbortSignal.any([signal, late]) : late;
  const isRewriting = ['aof_rewrite_in_progress', 'aof_rewrite_scheduled'];
  try {
    await pollInfo(client, (info) => !isRewriting.some((field) => info.flag(field)), {
      signal: either,
      pollMs: 50,
      onProgress: (info) => {
        if (isRewriting.some((field) => info.flag(field))) onProgress?.('waiting for Redis to rewrite its log');
      },
    });
  } catch (error) {
    if (!late.aborted || signal?.aborted) throw error;
    const where = describeConnection(client.connection);
    throw new RecoveryError('REDIS_NOT_READY', `${where} has been rewriting its log for ${rewriteTimeoutMs / 1000} s`, {
      next: 'Wait until INFO persistence says aof_rewrite_in_progress:0, then try again.',
    });
  }
}
