import { distinctDestructive } from './destructive.ts';
import { joinedNeeds } from './log-needs.ts';
import type { SegmentHeader } from './timeline.ts';

/** A segment, as far as a listing tells. */
export interface RunCandidate {
  start: number;
  modifiedAtMs: number;
  compacted: boolean;
}

export interface RunOptions {
  /** Only segments that were stored at least so long ago, milliseconds. */
  olderThanMs: number;
  /** The most raw bytes in one compacted segment. */
  maxRawBytes: number;
  nowMs: number;
}

/** The newest stay raw, whatever their age: the next writer is fenced by their keys. */
const KEEP_RAW = 2;
/** Bounds of the header of a compacted segment, which has a mark for each second. */
const MOST_MS = 6 * 3_600_000;
const MOST_DESTRUCTIVE = 5_000;

/**
 * Runs of raw neighbours to be made one of each, at least two in a run.
 * A run that younger segments may still lengthen waits until its oldest has twice the age, so that compacting often does not
 * make many small ones: they are never compacted again.
 * @param view - all segments of a timeline, ascending, each byte once
 */
export function runsOf<T extends RunCandidate>(view: readonly T[], { olderThanMs, maxRawBytes, nowMs }: RunOptions): T[][] {
  const runs: { segments: T[]; open: boolean }[] = [];
  let run: T[] = [];
  const close = (open: boolean): void => {
    runs.push({ segments: run, open });
    run = [];
  };
  for (let at = 0; at < view.length - KEEP_RAW; at++) {
    const [segment, next] = [view[at], view[at + 1]];
    if (!segment || !next) break;
    if (segment.compacted) {
      close(false);
      continue;
    }
    if (nowMs - segment.modifiedAtMs < olderThanMs) break;
    if (run[0] && next.start - run[0].start > maxRawBytes) close(false);
    run.push(segment);
  }
  close(true);
  const isDue = ({ segments, open }: (typeof runs)[number]): boolean =>
    segments.length > 1 && (!open || nowMs - (segments[0]?.modifiedAtMs ?? nowMs) >= 2 * olderThanMs);
  return runs.filter(isDue).map(({ segments }) => segments);
}

/** Parts of a run that can be made one, by its headers: each follows the one before, and they are not too large together. */
export function mergeableParts(headers: readonly SegmentHeader[], maxRawBytes: number): SegmentHeader[][] {
  const parts: SegmentHeader[][] = [];
  let commands = 0;
  for (const header of headers) {
    const part = parts.at(-1);
    commands += header.destructive.length;
    if (part && commands <= MOST_DESTRUCTIVE && follows(header, part) && fits(header, part, maxRawBytes)) part.push(header);
    else {
      parts.push([header]);
      commands = header.destructive.length;
    }
  }
  return parts.filter(({ length }) => length > 1);
}

function follows(header: SegmentHeader, part: readonly SegmentHeader[]): boolean {
  const last = part.at(-1);
  return last?.end === header.start && JSON.stringify(last.endState) === JSON.stringify(header.startState);
}

function fits(header: SegmentHeader, part: readonly SegmentHeader[], maxRawBytes: number): boolean {
  const first = part[0] ?? header;
  return header.end - first.start <= maxRawBytes && header.lastAtMs - first.firstAtMs <= MOST_MS;
}

/** The header of several segments as one, but for how it is stored. Marks are thinned to one a second. */
export function mergedHeader(headers: readonly SegmentHeader[], attempt: string): Omit<SegmentHeader, 'stored'> {
  const [first, last] = [headers[0], headers.at(-1)];
  if (!first || !last) throw new RangeError('there is nothing to merge');
  const { formatVersion, kind, timelineId, instance, shard, start, startState, firstAtMs } = first;
  const { end, endState, lastAtMs } = last;
  return {
    ...{ formatVersion, kind, timelineId, instance, shard, start, end, startState, endState, firstAtMs, lastAtMs },
    marks: thinned(headers.flatMap(({ marks }) => marks)),
    late: headers.flatMap(({ late }) => late),
    destructive: distinctDestructive(headers.flatMap(({ destructive }) => destructive)),
    unknownCommands: [...new Set(headers.flatMap(({ unknownCommands }) => unknownCommands))].sort(),
    needs: joinedNeeds(headers.map(({ needs }) => needs)),
    largestCommandBytes: Math.max(...headers.map(({ largestCommandBytes }) => largestCommandBytes)),
    attempt,
  };
}

/** The last mark of each second. */
function thinned(marks: readonly SegmentHeader['marks'][number][]): SegmentHeader['marks'] {
  return marks.filter(([, atMs], i) => {
    const next = marks[i + 1];
    return next === undefined || Math.floor(next[1] / 1000) !== Math.floor(atMs / 1000);
  });
}
