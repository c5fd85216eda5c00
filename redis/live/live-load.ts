import { RecoveryError } from '../../model/errors.ts';
import { formatCountOf } from '../../model/format.ts';
import { nameOfClient, type RedisClient } from '../client/client.ts';
import type { RedisInfo } from '../client/info.ts';
import { loadErrorsOf } from '../log/load-errors.ts';
import { type PollOptions, pollInfo } from '../persistence/children.ts';

/** What `awaitApplied` compares with and where: from the conditions that were read before Redis followed. */
export interface AppliedExpectation {
  host: string;
  port: number;
  runId: string;
  unexpectedErrorReplies?: number;
  maxmemoryBytes: number;
}

export interface AwaitAppliedOptions extends PollOptions {
  /** How long memory may stay above `maxmemory` after everything old has been freed. Default 5000. */
  memorySettlesWithinMs?: number;
}

/** Tells Redis to follow; it goes on trying until it is told otherwise. Safe to repeat. */
export async function followPrimary(client: RedisClient, host: string, port: number): Promise<void> {
  await client.command('REPLICAOF', host, `${port}`);
}

/** Does it follow this very primary, with or without a link to it? */
const followsIn = (info: RedisInfo, host: string, port: number): boolean =>
  info.get('role') === 'slave' && info.get('master_host') === host && info.number('master_port') === port;

/**
 * Waits until a follower that has confirmed the end of the log may be promoted: the old data is freed (a policy of LRU would
 * evict the new for it), memory is below its limit, and Redis has understood every command. Safe to repeat until it is promoted.
 * @throws RecoveryError `LOG_REFUSED`: Redis skipped commands; `LIVE_FAILED`: it was restarted, lost us, or has too little memory
 */
export async function awaitApplied(
  client: RedisClient,
  expected: AppliedExpectation,
  { memorySettlesWithinMs = 5000, ...options }: AwaitAppliedOptions = {},
): Promise<void> {
  let freedAt: number | undefined;
  const isApplied = (info: RedisInfo): boolean => {
    const problem = problemIn(info, expected);
    if (problem)
      throw new RecoveryError(problem.code ?? 'LIVE_FAILED', `${nameOfClient(client)} ${problem.what}`, { next: problem.next });
    if (info.flag('loading') || info.flag('async_loading')) return false;
    if ((info.number('lazyfree_pending_objects') ?? 0) > 0) return false;
    freedAt ??= performance.now();
    const used = info.number('used_memory') ?? 0;
    if (expected.maxmemoryBytes === 0 || used < expected.maxmemoryBytes) return true;
    if (performance.now() - freedAt < memorySettlesWithinMs) return false;
    throw new RecoveryError(
      'LIVE_FAILED',
      `${nameOfClient(client)} uses ${used} bytes with the new data, which is not below its maxmemory of ${expected.maxmemoryBytes}`,
      { next: 'Raise maxmemory, if the machine has the room, and go on: promoted now, it would evict keys or refuse writes.' },
    );
  };
  await pollInfo(client, isApplied, { ...options, sections: ['server', 'persistence', 'memory', 'stats', 'replication'] });
}

interface LoadProblem {
  code?: 'LOG_REFUSED';
  what: string;
  next: string;
}

function problemIn(info: RedisInfo, expected: AppliedExpectation): LoadProblem | undefined {
  const again = 'Look into its log, and restore again.';
  if (info.get('run_id') !== expected.runId) return { what: 'was restarted during the load, and has its old data', next: again };
  if (!followsIn(info, expected.host, expected.port)) return { what: 'no longer follows the worker', next: again };
  if (info.get('master_link_status') !== 'up') return { what: 'has lost the worker', next: again };
  const refused = loadErrorsOf(info, { before: expected.unexpectedErrorReplies });
  if (!refused) return undefined;
  const next =
    'Its log names them: a database that it does not have, a command that was renamed, or one of a module that it lacks. Restore to a moment before, or elsewhere.';
  return {
    code: 'LOG_REFUSED',
    what: `did not carry out ${formatCountOf(refused.count, 'command')} of the log and went on without`,
    next,
  };
}

export interface Promoted {
  runId: string;
  replid: string;
  offset: number;
}

/**
 * Makes it a primary again, with the data that it has: the new one after `awaitApplied`, the old one after a load that was cut.
 * While it waits for bytes of a load it answers nothing: close our side first. Safe to repeat.
 */
export async function promote(client: RedisClient): Promise<Promoted> {
  await client.command('REPLICAOF', 'NO', 'ONE');
  const info = await client.info('server', 'replication');
  if (info.get('role') !== 'master') {
    throw new RecoveryError('LIVE_FAILED', `${nameOfClient(client)} was told to be a primary and is none`, {
      next: 'Look whether a Sentinel or an operator has told it otherwise since.',
    });
  }
  return {
    runId: info.get('run_id') ?? '',
    replid: info.get('master_replid') ?? '',
    offset: info.number('master_repl_offset') ?? 0,
  };
}
