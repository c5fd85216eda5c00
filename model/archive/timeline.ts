import type { LogNeeds } from './log-needs.ts';
import type { StreamState } from './stream-state.ts';

/** The only format version of timelines and segments that this software writes and reads. */
export const ARCHIVE_FORMAT_VERSION = 1;

/**
 * One history of an instance: a replication id from one first offset on. An *offset* counts the bytes of the stream that have
 * gone by, as `master_repl_offset` does; the state at an offset is the data after the byte of that number.
 */
export interface Timeline {
  formatVersion: typeof ARCHIVE_FORMAT_VERSION;
  kind: 'timeline';
  /** `<replid>-<first>`, `first` zero-padded to 16 digits. */
  timelineId: string;
  instance: string;
  shard: string;
  replid: string;
  /** The first segment begins here. */
  first: number;
  /** ISO 8601, by the clock that the marks are counted by. */
  startedAt: string;
  /** Why it was opened. */
  reason: TimelineReason;
  /** Redis that it comes from, as far as it was known. */
  server: { runId: string; version: string };
  /** The timeline before it, as far as the archive goes. Absent for the first one. */
  parent?: ParentTimeline;
}

/**
 * `first`: the archive begins. `continued`: same history under a new replication id (fail-over, restart of an RDB-only
 * server): nothing is missing. `restarted`: Redis ended in order with all of it stored, and came back with all of it under a new
 * history. `full-resync`: Redis could not or would not go on where the archive ended. `hole`: the store had lost a part of the
 * log, and a new base was asked for.
 */
export type TimelineReason = 'first' | 'continued' | 'restarted' | 'full-resync' | 'hole';

export interface ParentTimeline {
  timelineId: string;
  /** Where the archive of the parent ended. */
  end: number;
  /** When the last archived byte of the parent came. ISO 8601. */
  endedAt: string;
  /** Writes between `endedAt` and the start of this timeline may be missing. False only for `continued` at the same offset, and `restarted`. */
  gap: boolean;
  /**
   * Of `restarted`: until then Redis had the state at `end`, ISO 8601. What it wrote from then until its base was taken is in the
   * base as a whole, so no log leads from the parent into this timeline.
   */
  restartedAt?: string;
}

/** The timeline whose bytes this one goes on with: the log can be replayed from one into the other. */
export const goesOnFrom = ({ parent }: Pick<Timeline, 'parent'>): ParentTimeline | undefined =>
  parent && !parent.gap && parent.restartedAt === undefined ? parent : undefined;

/** What a segment says of itself, in its own header: it can be understood alone. */
export interface SegmentHeader {
  formatVersion: typeof ARCHIVE_FORMAT_VERSION;
  kind: 'segment';
  timelineId: string;
  instance: string;
  shard: string;
  /** Offset before its first byte. */
  start: number;
  /** Offset after its last byte; the next segment starts here. */
  end: number;
  startState: StreamState;
  endState: StreamState;
  /** Milliseconds since 1970 at which its first and its last byte came. Never less than in the segment before. */
  firstAtMs: number;
  lastAtMs: number;
  /** Boundaries (see isBoundary) inside, ascending, about four a second: `[offset, milliseconds since 1970]`. */
  marks: [offset: number, atMs: number][];
  /** Parts of it that came later than they were written, ascending. */
  late: LateArrival[];
  /** FLUSHALL and the like that passed, so that they are found without reading the data. */
  destructive: DestructiveCommand[];
  /** Command names that are no known write command, if any came: replay refuses them. As typed. */
  unknownCommands: string[];
  /** What all that came asks of whoever executes it. What was typed is given its real name where that was known then. */
  needs: LogNeeds;
  /**
   * The most that Redis wrote at once of what ends in it, a transaction as one: a limit of its output buffer below that cuts
   * off whoever follows. Where `end` is in the middle of one, as much of that as has come counts, too.
   */
  largestCommandBytes: number;
  /** The zstd frame behind the header. */
  stored: { bytes: number; sha256: string; compression: 'zstd' };
  /** Random, of the attempt that wrote it: a writer whose answer was lost knows its own object by it. */
  attempt: string;
}

/**
 * Bytes that waited in Redis while nobody read them: the archiver was away, took a base, or did not run. Their times are
 * those of their arrival, `atMs` at the latest; they were written at any time since `sinceMs`.
 */
export interface LateArrival {
  from: number;
  to: number;
  sinceMs: number;
  atMs: number;
}

/** A command, or a run of them, that took away much at once. */
export interface DestructiveCommand {
  /** `FLUSHALL`, `FLUSHDB`, `SWAPDB`, `mass delete`, `mass rename` or `mass move`. */
  command: string;
  /** The last boundary before it: restore to this offset to have it undone. */
  before: number;
  /** The first boundary behind it. */
  after: number;
  /** When it came. */
  atMs: number;
  /** It came late: it passed at any time since. */
  sinceMs?: number;
  db: number;
  /** Keys named by a run of DEL, UNLINK, RENAME, RENAMENX or MOVE; absent where the stream does not say. */
  keys?: number;
}
