/** What Redis logs once it has loaded an RDB. Figures that INFO has from 7.0 on; 6.2 has only this line. */
export interface LoadFigures {
  keysLoaded: number;
  keysExpired: number;
  /** Lists, sets and hashes without a member, remains of an old fault of Redis: dropped in silence, they held nothing. */
  emptyKeysSkipped: number;
}

/** @see redis src/rdb.c, rdbLoadRio: the same text in 6.2.14, 7.0.15, 7.4.0 and 8.0 */
const DONE = /Done loading RDB, keys loaded: (\d+), keys expired: (\d+)(?:, empty keys skipped: (\d+))?\./;

/**
 * Finds the figures of the last load in a server's log.
 * @param lines - oldest first
 * @param pid - of the process that loaded; lines of its forerunners in the same log are passed over
 */
export function loadFiguresOf(lines: readonly string[], pid: number): LoadFigures | undefined {
  const done = lines.findLast((line) => line.startsWith(`${pid}:`) && DONE.test(line));
  const [, loaded, expired, skipped] = DONE.exec(done ?? '') ?? [];
  if (loaded === undefined || expired === undefined) return undefined;
  return { keysLoaded: Number(loaded), keysExpired: Number(expired), emptyKeysSkipped: Number(skipped ?? 0) };
}
