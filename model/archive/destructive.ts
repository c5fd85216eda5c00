import type { DestructiveCommand } from './timeline.ts';

/** They take a whole database, or put another in its place. */
export const AT_ONCE: ReadonlySet<string> = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB']);

/** A run of deletes, renames or moves stands in each segment that it went over, as far as it had come: the last of these says the most. */
export function distinctDestructive<T extends DestructiveCommand>(commands: readonly T[]): T[] {
  const seen = new Map<string, T>();
  for (const one of commands) seen.set(`${one.command} ${one.db} ${one.before}`, one);
  return [...seen.values()];
}
