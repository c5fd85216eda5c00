import { endedDrained, type LogRun, signOf } from '../recovery/log-signatures.ts';

/** How a stay of the archiver at a Redis ended when everything that had come was stored and acknowledged. */
export interface LineEnd {
  timelineId: string;
  /** Of the last byte that had come. */
  offset: number;
  /** Of the Redis, as it counts itself. */
  pid: number;
  /** When the connection ended, milliseconds since 1970. */
  atMs: number;
}

/** How soon after the last words of Redis its connections end. The archiver that is too busy to see it proves nothing. */
const SOON_MS = 10_000;
/** The log of Redis has whole milliseconds. */
const ROUNDED_MS = 5;

/**
 * When a Redis ended that has lost nothing by its restart, milliseconds since 1970: it ended in order, with every replica in step
 * and the archiver among them, for its connection outlived Redis' last words; and the Redis of now is the next run, which has
 * loaded an append-only log that was whole. Undefined: that cannot be proved.
 * @param runs - of its log, oldest first
 * @param line - of the archiver, to that Redis
 * @param pid - of the Redis of now
 */
export function endOfDrained(runs: readonly LogRun[], line: LineEnd, pid: number | undefined): number | undefined {
  const [ended, run] = [runs.at(-2), runs.at(-1)];
  if (!ended || !run?.ready || run.pid !== pid || ended.pid !== line.pid || !endedDrained(ended)) return undefined;
  if (!signOf(run, 'log-loaded') || signOf(run, 'aof-cut') || wroteNotAll(ended)) return undefined;
  const endedAtMs = Date.parse(ended.lastTime ?? ''); // in the time zone of this machine, as Redis writes it
  const lateMs = line.atMs - endedAtMs;
  return lateMs >= -ROUNDED_MS && lateMs <= SOON_MS ? endedAtMs : undefined;
}

/** That a write to the log takes long is no failure. */
const wroteNotAll = (run: LogRun): boolean => /Error|Short write/.test(signOf(run, 'aof-write')?.line ?? '');
