import { randomUUID } from 'node:crypto';
import { mergeableParts, mergedHeader, runsOf } from '../../model/archive/runs.ts';
import type { SegmentHeader } from '../../model/archive/timeline.ts';
import { hasCode, type RecoveryError } from '../../model/errors.ts';
import { encodeWhole } from '../codec.ts';
import { compactedKey } from '../layout.ts';
import { inParallel } from '../parallel.ts';
import { type ArchiveSegment, listSegments, mergedView } from './listing.ts';
import { loadSegment } from './load.ts';
import { removeRedundant } from './redundant.ts';
import { archiveCorrupt } from './schema.ts';
import { encodeHeader } from './segment-format.ts';
import { type ArchivePlace, isUnusable, readHeader, timelineRef, urlOf } from './segments.ts';

export interface CompactOptions {
  /** Only segments that were stored at least so long ago, milliseconds. Default 1 hour. */
  olderThanMs?: number;
  /** The most raw bytes in one compacted segment. Default 64 MB. Memory: as much, at worst. */
  maxRawBytes?: number;
  /** Of zstd, 1 to 19. Default 3. */
  level?: number;
  signal?: AbortSignal;
  /** For tests. */
  nowMs?: number;
}

export interface Compaction {
  /** What was made, of how many. */
  compacted: { key: string; start: number; end: number; segments: number }[];
  /** Originals that were deleted. */
  removed: string[];
  /** What could not be compacted, because it is damaged. Nothing of it was touched. */
  problems: RecoveryError[];
}

const HOUR_MS = 3_600_000;
const LARGEST_RAW_BYTES = 64_000_000;
const LEVEL = 3;
const HEADERS_AT_ONCE = 8;

/**
 * Makes few large segments of many small ones: a day of one a second costs 86,400 requests to read. In this order: write the
 * compacted one, read it back, delete the originals. So every byte lies in the store at every moment, and whoever kills it,
 * or runs two at once, finds all of it again. The newest segments stay as they are, because their keys are the fence.
 * Memory: the compressed bytes of one compacted segment, and those of one original.
 */
export async function compactTimeline(
  place: ArchivePlace,
  timelineId: string,
  options: CompactOptions = {},
): Promise<Compaction> {
  const { olderThanMs = HOUR_MS, maxRawBytes = LARGEST_RAW_BYTES, nowMs = Date.now(), level = LEVEL, signal } = options;
  const result: Compaction = { compacted: [], removed: [], problems: [] };
  const view = mergedView(await listSegments(place.store, timelineRef(place, timelineId), signal));
  for (const run of runsOf(view, { olderThanMs, maxRawBytes, nowMs })) {
    const headers = await inParallel(run, HEADERS_AT_ONCE, (segment) => headerOf(place, segment, result.problems, signal));
    for (const part of mergeableParts(known(headers), maxRawBytes)) {
      const segments = run.filter(({ start }) => part.some((header) => header.start === start));
      const key = await written(place, { segments, part, level, signal }, result.problems);
      const [first, last] = [part[0], part.at(-1)];
      if (key && first && last) result.compacted.push({ key, start: first.start, end: last.end, segments: part.length });
    }
  }
  await removeRedundant(place, timelineId, result, signal);
  return result;
}

interface Part {
  segments: readonly ArchiveSegment[];
  part: readonly SegmentHeader[];
  level: number;
  signal?: AbortSignal;
}

/** Undefined: an original is damaged, or is gone because another compaction or retention was quicker. */
async function written(place: ArchivePlace, work: Part, problems: RecoveryError[]): Promise<string | undefined> {
  try {
    return await writeCompacted(place, work);
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return undefined;
    if (!hasCode(error, 'ARCHIVE_CORRUPT')) throw error;
    problems.push(error);
    return undefined;
  }
}

async function writeCompacted(place: ArchivePlace, { segments, part, level, signal }: Part): Promise<string> {
  const merged = mergedHeader(part, randomUUID());
  const ref = timelineRef(place, merged.timelineId);
  const key = compactedKey(ref, merged.start, merged.end);
  const { encoded, frame } = await encodeWhole(rawOf(place, segments, part, signal), level);
  const header: SegmentHeader = { ...merged, stored: encoded };
  const body = [encodeHeader(header, ref), ...frame];
  try {
    await place.store.put(key, each(body), { ifAbsent: true, signal });
  } catch (error) {
    if (!hasCode(error, 'OBJECT_EXISTS')) throw error; // another compaction made the same; it is read back like ours
  }
  return key;
}

/** Each original is verified as a whole before a byte of it goes on. */
async function* rawOf(
  place: ArchivePlace,
  segments: readonly ArchiveSegment[],
  part: readonly SegmentHeader[],
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  for (const [i, segment] of segments.entries()) {
    const { header, body } = await loadSegment(place, segment, signal);
    if (header.end !== part[i]?.end) throw archiveCorrupt(urlOf(place, segment), 'was replaced while it was read');
    yield* body();
  }
}

async function headerOf(
  place: ArchivePlace,
  segment: ArchiveSegment,
  problems: RecoveryError[],
  signal?: AbortSignal,
): Promise<SegmentHeader | undefined> {
  try {
    return await readHeader(place, segment, signal);
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return undefined;
    if (!isUnusable(error)) throw error;
    problems.push(error);
    return undefined;
  }
}

const known = (headers: readonly (SegmentHeader | undefined)[]): SegmentHeader[] =>
  headers.filter((header) => header !== undefined);

async function* each(body: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* body;
}
