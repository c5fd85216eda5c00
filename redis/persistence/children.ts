import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '../client/client.ts';
import type { RedisInfo } from '../client/info.ts';

/** Redis has one child process at a time: whoever wants one waits. */
const CHILDREN = {
  rdb_bgsave_in_progress: 'a background save',
  aof_rewrite_in_progress: 'an AOF rewrite',
  module_fork_in_progress: 'a module',
} as const;

/** What a running child of Redis does, in words; undefined when there is none. */
export function runningChild(info: RedisInfo): string | undefined {
  return Object.entries(CHILDREN).find(([field]) => info.flag(field))?.[1];
}

export interface PollOptions {
  signal?: AbortSignal;
  /** Default 200. */
  pollMs?: number;
  /** Called after each look. */
  onProgress?: (info: RedisInfo) => void;
}

/** Reads INFO until it is as wanted. Without an end of its own: the signal is the end. */
export async function pollInfo(
  client: RedisClient,
  isDone: (info: RedisInfo) => boolean,
  { sections = ['persistence'], ...options }: PollOptions & { sections?: string[] },
): Promise<RedisInfo> {
  for (;;) {
    options.signal?.throwIfAborted();
    const info = await client.info(...sections);
    options.onProgress?.(info);
    if (isDone(info)) return info;
    await sleep(options.pollMs ?? 200, undefined, { signal: options.signal });
  }
}
