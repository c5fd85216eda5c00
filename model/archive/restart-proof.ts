import { endedDrained, type LogRun, signOf } from '../recovery/log-signatures.ts';

/** Files of an append-only log, in the order in which they are loaded. */
export type LogFiles = {
  name: string;
  /** Device and inode. */
  file: string;
  bytes: number;
  bornMs: number;
  /** Over its last bytes. */
  endSha256: string;
}[];

/** How a stay of the archiver at a Redis ended when everything that had come was stored and acknowledged. */
export interface LineEnd {
  timelineId: string;
  /** Of the last byte that had come. */
  offset: number;
  /** Of the Redis, as it counts itself. */
  pid: number;
  /** When the connection ended, milliseconds since 1970. */
  atMs: number;
  /** What Redis left on its disk then. Absent: nobody could look. */
  files?: LogFiles;
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

/**
 * What was loaded is what Redis left: the same files, each with the same end. Such as came in their place while it was down are others,
 * of whatever size and age, also where they were written over the old ones.
 * @param now - up to the bytes of `then`: a Redis that runs appends
 */
export const areTheSame = (then: LogFiles, now: LogFiles): boolean =>
  then.length > 0 && now.length === then.length && then.every((one, at) => isTheSame(one, now[at]));

const isTheSame = (then: LogFiles[number], now: LogFiles[number] | undefined): boolean =>
  now !== undefined && (['name', 'file', 'bytes', 'bornMs', 'endSha256'] as const).every((what) => now[what] === then[what]);

/** That a write to the log takes long is no failure. */
const wroteNotAll = (run: LogRun): boolean => /Error|Short write/.test(signOf(run, 'aof-write')?.line ?? '');
