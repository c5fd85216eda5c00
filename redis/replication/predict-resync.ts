import type { RedisInfo } from '../client/info.ts';

/**
 * Whether Redis would go on where `resume` ends, or send everything anew: asked beforehand, because a full resynchronization
 * is a fork. A guess: the backlog moves on while we think.
 * @see redis 7.0.15 src/replication.c, masterTryPartialResynchronization
 */
export function predictResync(info: RedisInfo, resume?: { replid: string; offset: number }): 'partial' | 'full' {
  if (!resume) return 'full';
  const { replid, offset } = resume;
  const next = offset + 1;
  const sameHistory =
    replid === info.get('master_replid') ||
    (replid === info.get('master_replid2') && next <= (info.number('second_repl_offset') ?? -1));
  const first = info.number('repl_backlog_first_byte_offset') ?? 0;
  const kept = info.number('repl_backlog_histlen') ?? 0;
  const inBacklog = info.flag('repl_backlog_active') && next >= first && next <= first + kept;
  return sameHistory && inBacklog ? 'partial' : 'full';
}
