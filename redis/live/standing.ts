import type { RedisInfo } from '../client/info.ts';

/** Far beyond its own offset: nobody who followed it can go on in the other history unnoticed. */
export const OFFSET_LEAP = 2 ** 40;

/** What a Redis holds that was told to load live. `part`: the RDB of the load, and not all of the log behind it. */
export type Standing = 'old' | 'part' | 'new';

/**
 * Redis takes the offset of a primary over when it has the whole RDB in the place of its old data, and not before.
 * @param offset - its own before the load, of the same run
 */
export function standingIn(info: RedisInfo, { offset, logBytes }: { offset: number; logBytes: number }): Standing {
  const taken = (info.number('master_repl_offset') ?? 0) - offset - OFFSET_LEAP;
  if (taken < 0) return 'old';
  return taken < logBytes ? 'part' : 'new';
}
