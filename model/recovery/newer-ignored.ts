import { formatBytes } from '../format.ts';
import type { DataObservations } from './observations.ts';

export interface NewerIgnored {
  /** What the next start does not load. */
  ignored: 'log' | 'rdb';
  /** What speaks for it, as one sentence. */
  text: string;
  /** ISO 8601: when the ignored was written last. */
  writtenAt: string;
}

/** The clocks of two writes of one Redis are one: more than the second in which a log is flushed. */
const NEWER_MS = 2_000;
/** The same data takes less room as an RDB than as a log: one that is larger by so much holds more. */
const FULLER = 1.1;

/**
 * `appendonly` was switched while Redis ran and not in redis.conf: the files of the other kind are the newer ones, and a start
 * loads the older. A log is written only while it is on, so it tells by its time alone. An RDB is saved beside a log, too:
 * newer than the last write of the log it only speaks of more data where it is larger.
 */
export function newerIgnored({ appendonly, rdb, aof }: DataObservations): NewerIgnored | undefined {
  if (!aof?.writtenAt || aof.bytes === 0) return undefined;
  const [logMs, rdbMs] = [Date.parse(aof.writtenAt), rdb ? Date.parse(rdb.modifiedAt) : 0];
  const log = `its append-only log of ${formatBytes(aof.bytes)} was written until ${aof.writtenAt}`;
  const saved = rdb ? `its RDB of ${formatBytes(rdb.bytes)} was saved at ${rdb.modifiedAt}` : 'there is no RDB';
  if (!appendonly && logMs > rdbMs + NEWER_MS)
    return ignored('log', `it starts with appendonly no, ${saved}, and ${log}`, aof.writtenAt);
  const isFuller = rdb !== undefined && rdbMs > logMs + NEWER_MS && rdb.bytes > aof.bytes * FULLER;
  return appendonly && isFuller
    ? ignored('rdb', `it starts with appendonly yes, ${log}, and ${saved}`, rdb.modifiedAt)
    : undefined;
}

const ignored = (what: NewerIgnored['ignored'], why: string, writtenAt: string): NewerIgnored => ({
  ignored: what,
  writtenAt,
  text: `Its next start does not load its newest data: ${why}.`,
});
