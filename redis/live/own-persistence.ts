import { RecoveryError } from '../../model/errors.ts';
import { nameOfClient, type RedisClient } from '../client/client.ts';
import type { RedisInfo } from '../client/info.ts';
import { saveAndWait } from '../persistence/bgsave.ts';
import { type PollOptions, pollInfo } from '../persistence/children.ts';

/** What now holds the new data on Redis' own disk. `none`: by its own settings this Redis keeps nothing. */
export type OwnPersistence = 'aof' | 'rdb' | 'none';

export interface OwnPersistenceOptions extends Omit<PollOptions, 'onProgress'> {
  /** The process that was loaded: after a restart it has its old data. */
  runId: string;
  onProgress?: (state: string) => void;
}

/**
 * Waits until the new data is in Redis' own files: until then a crash brings the old data back, and the writes that were
 * accepted since are lost. With `appendonly yes` the load itself has begun a rewrite; with save points a save is asked for.
 * Safe to repeat.
 * @throws RecoveryError `LIVE_FAILED` after a restart or when the rewrite fails, `BGSAVE_FAILED`
 */
export async function ownPersistence(client: RedisClient, options: OwnPersistenceOptions): Promise<OwnPersistence> {
  const { save = '' } = await client.configGet('save');
  const info = await client.info('server', 'persistence');
  if (info.get('run_id') !== options.runId) throw restarted(client);
  if (info.flag('aof_enabled')) await awaitRewrite(client, options);
  else if (save !== '') await saveAndWait(client, options);
  else return 'none';
  if ((await client.info('server')).get('run_id') !== options.runId) throw restarted(client);
  return info.flag('aof_enabled') ? 'aof' : 'rdb';
}

/** A rewrite that fails is begun again by Redis itself; a full disk makes that endless, so the first failure is the answer. */
async function awaitRewrite(client: RedisClient, { signal, pollMs, onProgress }: OwnPersistenceOptions): Promise<void> {
  const isBusy = (info: RedisInfo) => info.flag('aof_rewrite_in_progress') || info.flag('aof_rewrite_scheduled');
  const hasFailed = (info: RedisInfo) => info.get('aof_last_bgrewrite_status') !== 'ok' && !info.flag('aof_rewrite_in_progress');
  const info = await pollInfo(client, (now) => !isBusy(now) || hasFailed(now), {
    signal,
    pollMs,
    onProgress: () => onProgress?.('Redis is writing its append-only file anew'),
  });
  if (!hasFailed(info)) return;
  throw new RecoveryError(
    'LIVE_FAILED',
    `${nameOfClient(client)} holds and serves the restored data, and could not write it into its append-only file: a crash brings the old data back, and loses what is written meanwhile`,
    {
      next: 'Look into its log: disk space, permissions of its directory, memory for a fork. Then BGREWRITEAOF; `redis-backup check` says when it has succeeded.',
    },
  );
}

const restarted = (client: RedisClient): RecoveryError =>
  new RecoveryError('LIVE_FAILED', `${nameOfClient(client)} was restarted before its own files had the new data`, {
    next: 'It may have its old data: count its keys, and restore again.',
  });
