import { segmentKey, timelinePrefix } from '../layout.ts';
import { listSegments } from './listing.ts';
import { type ArchivePlace, timelineRef } from './segments.ts';

/** A segment by its offsets. */
export interface StoredPart {
  start: number;
  end: number;
}

/**
 * Which of these segments the store no longer has, neither as they were stored nor in a compacted one.
 * One request for the newest thousand of them.
 * @param stored - ascending
 */
export async function missingSegments(
  place: ArchivePlace,
  timelineId: string,
  stored: readonly StoredPart[],
  signal?: AbortSignal,
): Promise<StoredPart[]> {
  const [first] = stored;
  if (!first) return [];
  const ref = timelineRef(place, timelineId);
  const there = new Set<string>();
  const after = first.start > 0 ? segmentKey(ref, first.start - 1) : undefined;
  for await (const { key } of place.store.list(timelinePrefix(ref), { signal, after })) there.add(key);
  const gone = stored.filter(({ start }) => !there.has(segmentKey(ref, start)));
  if (gone.length === 0) return [];
  const { compacted } = await listSegments(place.store, ref, signal);
  return gone.filter(({ start, end }) => !compacted.some((one) => one.start <= start && end <= (one.end ?? 0)));
}
