import type { PersistencePolicy } from '../../model/backup/manifest.ts';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';
import { describeConnection } from '../client/connection.ts';
import type { RedisInfo } from '../client/info.ts';
import { type PollOptions, pollInfo } from './children.ts';

export type WantedPolicy = Pick<PersistencePolicy, 'save' | 'appendonly' | 'appendfsync'>;

/** An RDB at most an hour old, and a log of every write, synced each second. */
export const WANTED_POLICY: Readonly<WantedPolicy> = {
  save: '3600 1 300 100 60 10000',
  appendonly: 'yes',
  appendfsync: 'everysec',
};

export interface PolicyDifference {
  name: keyof WantedPolicy;
  wanted: string;
  actual: string;
}

/** Where a server's settings differ from what is wanted. Save points may stand in any order. */
export function comparePolicy(actual: WantedPolicy, wanted: Readonly<WantedPolicy> = WANTED_POLICY): PolicyDifference[] {
  // appendonly last: turning it on writes a whole file, which the other settings needn't wait for.
  const names = ['save', 'appendfsync', 'appendonly'] as const;
  return names
    .map((name) => ({ name, wanted: wanted[name], actual: actual[name] }))
    .filter(({ name, ...values }) => normalized(name, values.wanted) !== normalized(name, values.actual));
}

function normalized(name: keyof WantedPolicy, value: string): string {
  if (name !== 'save') return value.toLowerCase();
  return (value.match(/\d+\s+\d+/g) ?? [])
    .map((pair) => pair.split(/\s+/).join(' '))
    .sort()
    .join(' ');
}

export interface AppliedPolicy {
  changed: PolicyDifference[];
  /** False: the running server has the settings, and loses them when it restarts. */
  isKept: boolean;
  /** What CONFIG REWRITE answered; absent when it is kept. */
  notKeptBecause?: string;
}

/**
 * Sets what differs, one setting after the other, and writes the server's configuration file. When `appendonly` was turned on
 * it returns after the log's first base file is whole: before that, a restart would find less than the RDB has.
 * Safe to repeat.
 * @param keep - writes the settings where the next start reads them; default CONFIG REWRITE
 * @throws RecoveryError `CHECK_FAILED` when the rewrite of the log fails, and what CONFIG SET throws
 */
export async function applyPolicy(
  client: RedisClient,
  differences: readonly PolicyDifference[],
  options: PollOptions = {},
  keep: () => Promise<void> = () => client.configRewrite(),
): Promise<AppliedPolicy> {
  const failedBefore = (await client.info('persistence')).get('aof_last_bgrewrite_status') === 'err';
  for (const { name, wanted } of differences) await client.configSet(name, wanted);
  const turnsOn = differences.some(({ name, wanted }) => name === 'appendonly' && wanted === 'yes');
  if (turnsOn) await awaitAppendOnly(client, failedBefore, options);
  const changed = [...differences];
  if (changed.length === 0) return { changed, isKept: true };
  try {
    await keep();
    return { changed, isKept: true };
  } catch (error) {
    // The server runs as wanted; that it won't after a restart is for the person to read, and not a failure of what was done.
    return { changed, isKept: false, notKeptBecause: messageOf(error) };
  }
}

/**
 * Waits until the log of a server that just got `appendonly yes` is whole.
 * @param failedBefore - an earlier rewrite had failed: Redis says so until the next has ended
 */
async function awaitAppendOnly(client: RedisClient, failedBefore: boolean, options: PollOptions): Promise<void> {
  const isBusy = (now: RedisInfo) =>
    ['aof_rewrite_in_progress', 'aof_rewrite_scheduled', 'loading'].some((name) => now.flag(name));
  const hasFailed = (now: RedisInfo) => now.get('aof_last_bgrewrite_status') !== 'ok';
  // A rewrite that fails is begun again at once, for ever on a full disk: the first failure is the answer.
  const info = await pollInfo(client, (now) => (hasFailed(now) && !failedBefore) || !isBusy(now), options);
  if (info.flag('aof_enabled') && !hasFailed(info)) return;
  throw new RecoveryError('CHECK_FAILED', `${describeConnection(client.connection)} could not write its append-only file`, {
    next: 'Look into the log of Redis: disk space, permissions of its directory, memory for a fork. Until then it has no log.',
  });
}
