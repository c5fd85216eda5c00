import { compactedPrefix, partsOfSegmentName, type TimelineRef, timelinePrefix } from '../layout.ts';
import type { ObjectStore } from '../stores/object-store.ts';

/** One segment, as far as a listing knows it. */
export interface ArchiveSegment {
  timelineId: string;
  start: number;
  /** Of a compacted one. A raw one ends where its header says, which is where the next begins. */
  end?: number;
  key: string;
  sizeBytes: number;
  /** Milliseconds since 1970, by the store's clock. */
  modifiedAtMs: number;
  compacted: boolean;
}

/** All segments of a timeline, by their start. While a compaction runs, or after one died, both kinds have the same bytes. */
export interface SegmentListing {
  raw: ArchiveSegment[];
  compacted: ArchiveSegment[];
}

/**
 * The raw ones first: they are deleted only after their compacted one is there. So what a compaction does meanwhile is
 * seen raw, or compacted, or both, but never as a hole.
 */
export async function listSegments(store: ObjectStore, ref: TimelineRef, signal?: AbortSignal): Promise<SegmentListing> {
  const raw = await segmentsUnder(store, timelinePrefix(ref), ref, signal);
  const compacted = await segmentsUnder(store, compactedPrefix(ref), ref, signal);
  return {
    raw: raw.filter((segment) => !segment.compacted),
    compacted: compacted.filter((segment) => segment.compacted),
  };
}

/**
 * What has all bytes once: compacted ones, and the raw ones that no compacted one has. Ascending.
 * Compacted ones may overlap when two compactions with different sizes ran at once; raw ones never do.
 */
export function mergedView({ raw, compacted }: SegmentListing): ArchiveSegment[] {
  let reached = -1;
  // The longest first of those that start alike: what does not reach further has nothing of its own.
  const chosen = [...compacted]
    .sort((a, b) => a.start - b.start || endOf(b) - endOf(a))
    .filter((segment) => {
      if (endOf(segment) <= reached) return false;
      reached = endOf(segment);
      return true;
    });
  return [...chosen, ...raw.filter(({ start }) => !isCompacted(compacted, start))].sort((a, b) => a.start - b.start);
}

/** Does a compacted segment have the byte behind this offset? */
const isCompacted = (compacted: readonly ArchiveSegment[], offset: number): boolean =>
  compacted.some(({ start, end = 0 }) => start <= offset && offset < end);

/**
 * The segment to read at an offset: the compacted one that reaches furthest, else the raw one that begins there.
 * @param inside - the first of a range: a raw one that begins before it will do, if its header says that it reaches so far
 */
export function segmentAt(
  { raw, compacted }: SegmentListing,
  offset: number,
  { inside = false, without }: { inside?: boolean; without?: { has(key: string): boolean } } = {},
): ArchiveSegment | undefined {
  const usable = ({ key }: ArchiveSegment): boolean => !without?.has(key);
  const covering = compacted.filter((one) => one.start <= offset && offset < endOf(one) && usable(one));
  if (covering.length > 0) return covering.reduce((best, one) => (endOf(one) > endOf(best) ? one : best));
  const last = raw[countUpTo(raw, offset) - 1];
  if (last === undefined || !usable(last)) return undefined;
  return last.start === offset || inside ? last : undefined;
}

/** The raw segment that begins next behind an offset. */
export const nextRaw = ({ raw }: SegmentListing, offset: number): ArchiveSegment | undefined => raw[countUpTo(raw, offset)];

/** Where the next segment begins, of either kind, behind an offset. */
export function nextStart(listing: SegmentListing, offset: number): number | undefined {
  const { compacted } = listing;
  const starts = [nextRaw(listing, offset)?.start, ...compacted.map(({ start }) => start).filter((start) => start > offset)];
  const known = starts.filter((start) => start !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** How many raw segments begin at or before an offset. */
function countUpTo(raw: readonly ArchiveSegment[], offset: number): number {
  let [low, high] = [0, raw.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((raw[middle]?.start ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

const endOf = ({ end = 0 }: ArchiveSegment): number => end;

async function segmentsUnder(
  store: ObjectStore,
  prefix: string,
  { timelineId }: TimelineRef,
  signal?: AbortSignal,
): Promise<ArchiveSegment[]> {
  const segments: ArchiveSegment[] = [];
  for await (const { key, sizeBytes, modifiedAtMs } of store.list(prefix, { signal })) {
    const name = partsOfSegmentName(key.slice(prefix.length));
    if (name) segments.push({ timelineId, ...name, key, sizeBytes, modifiedAtMs, compacted: name.end !== undefined });
  }
  return segments; // keys are padded: their order is that of the offsets
}
