import type { ArchiveExtent } from '../../model/archive/chain.ts';
import { beginOf, childrenOf, type LogPosition, logPositionsOf, parentOf } from '../../model/archive/chain.ts';
import { type Cut, cutIn } from '../../model/archive/cut.ts';
import { distinctDestructive } from '../../model/archive/destructive.ts';
import { type ArchiveTarget, targetPlace } from '../../model/archive/plan.ts';
import { isBoundary } from '../../model/archive/stream-state.ts';
import type { DestructiveCommand, LateArrival, SegmentHeader } from '../../model/archive/timeline.ts';
import { liesIn, uncertainByLate } from '../../model/archive/uncertain.ts';
import { type Beyond, unusableWithin } from '../../model/backup/unusable.ts';
import { messageOf } from '../../model/errors.ts';
import { inParallel } from '../parallel.ts';
import type { Extents } from './extents.ts';
import { type ArchiveSegment, listSegments, mergedView } from './listing.ts';
import { type ArchivePlace, isDamage, readHeader, timelineRef, unlessOvertaken } from './segments.ts';

/** One that passed, and the timeline that it passed in. `before` is where a restore has it undone. */
export interface FoundDestructive extends DestructiveCommand {
  timelineId: string;
}

const HEADERS_AT_ONCE = 8;

/**
 * The place to cut for a target: the last boundary at or before its moment. Reads O(log n) headers.
 * For a time, what came late is told with it: it may have been written before.
 * @returns undefined for a moment that the archive does not have; planArchive says why
 */
export async function findCut(
  archive: ArchivePlace,
  extents: readonly ArchiveExtent[],
  target: ArchiveTarget,
  signal?: AbortSignal,
): Promise<Cut | undefined> {
  const places = logPositionsOf(extents);
  const found = targetPlace(places, target);
  if ('gap' in found) return undefined;
  const { timelineId } = found.timeline;
  if (target.kind === 'latest') return found.boundary && { timelineId, ...found.boundary };
  if (target.kind === 'offset') return unlessOvertaken(() => cutAtOffset(archive, target, found, signal));
  for (let place: LogPosition | undefined = found; place; place = parentOf(place, places)) {
    const { atMs } = target;
    const where = place;
    const cut = await unlessOvertaken(() => cutInPlace(archive, where, atMs, signal));
    if (!cut) continue;
    const late = [...cut.late, ...(await lateIn(archive, childrenOf(found, places), atMs, signal))];
    const { timelineId, offset } = cut;
    return { timelineId, offset, atMs: cut.atMs, ...(late.length > 0 ? { late } : {}) };
  }
  return undefined;
}

/** What a stretch of time was searched for, and how much of it could be. */
export interface DestructiveSearch {
  /** Oldest first. */
  found: FoundDestructive[];
  /** From when to when there is a log that was read, within the time that was asked for. None: nothing could be looked at. */
  searched: { fromMs: number; toMs: number }[];
  /** Of that time, what is damaged or missing: what passed there is not known. */
  unread: Beyond[];
  /** Commands that passed and that nobody knows: renamed ones, or those of modules. What they took away is not known. */
  unknownCommands: string[];
}

/**
 * Destructive commands that passed from one moment to another. Reads the headers of that time.
 * @param extents - what `readExtents` has found
 */
export async function findDestructive(
  archive: ArchivePlace,
  { extents, damage, gaps, restarts, clocks }: Omit<Extents, 'problems'>,
  range: { fromMs: number; toMs: number },
  signal?: AbortSignal,
): Promise<DestructiveSearch> {
  const { fromMs, toMs } = range;
  const search: DestructiveSearch = {
    found: [],
    searched: [],
    unread: [...unusableWithin([...damage, ...gaps, ...restarts], range), ...clocks],
    unknownCommands: [],
  };
  const touched = logPositionsOf(extents).filter(
    (place) => isUncertain(place) || (mayBeginMs(place) <= toMs && place.lastAtMs >= fromMs),
  );
  const inTime = ({ atMs, sinceMs = atMs }: DestructiveCommand): boolean => fromMs <= atMs && sinceMs <= toMs;
  for (const place of touched) {
    const { timelineId } = place.timeline;
    try {
      const all = await unlessOvertaken(async () => {
        const headers = new Headers(archive, await segmentsOf(archive, place, signal), signal);
        return headersIn(headers, isUncertain(place) ? EVER : range);
      });
      const passed = distinctDestructive(
        all.flatMap(({ destructive }) => destructive.filter((one) => isUncertain(place) || inTime(one))),
      );
      search.found.push(...passed.map((one) => ({ timelineId, ...one })));
      search.unknownCommands.push(...all.flatMap(({ unknownCommands }) => unknownCommands));
      if (isUncertain(place)) continue;
      search.searched.push({ fromMs: Math.max(fromMs, mayBeginMs(place)), toMs: Math.min(toMs, place.lastAtMs) });
    } catch (error) {
      if (!isDamage(error)) throw error;
      const { from, end, firstAtMs, lastAtMs } = place;
      const lost = { from, to: end, fromMs: firstAtMs, toMs: lastAtMs, why: messageOf(error) };
      search.unread.push({ what: 'segment', id: timelineId, ...lost });
    }
  }
  return { ...search, unknownCommands: [...new Set(search.unknownCommands)].sort() };
}

/** Its clock was ahead: what passed in it may have passed in any time. */
const isUncertain = ({ storedAtMs }: LogPosition): boolean => storedAtMs !== undefined;
/** What waited in Redis may have been written before it came. */
const mayBeginMs = ({ firstAtMs, sinceMs = firstAtMs }: LogPosition): number => Math.min(firstAtMs, sinceMs);
const EVER = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };

async function headersIn(headers: Headers, { fromMs, toMs }: { fromMs: number; toMs: number }): Promise<SegmentHeader[]> {
  const first = Math.max(0, await headers.lastBegunBy(fromMs));
  const last = await headers.lastBefore(toMs);
  const indexes = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  return inParallel(indexes, HEADERS_AT_ONCE, (at) => headers.at(at));
}

async function cutInPlace(
  archive: ArchivePlace,
  place: LogPosition,
  atMs: number,
  signal?: AbortSignal,
): Promise<Required<Cut> | undefined> {
  const { timelineId } = place.timeline;
  const segments = await segmentsOf(archive, place, signal);
  const headers = new Headers(archive, segments, signal);
  const begun = await headers.lastBegunBy(atMs);
  const late = await headers.lateBehind(begun, atMs);
  for (let at = begun; at >= 0; at--) {
    const cut = cutIn(await headers.at(at), atMs);
    if (cut) return { timelineId, ...cut, late };
  }
  // Opened, but no byte has come yet: the state is that of its beginning.
  const first = segments.length > 0 ? await headers.at(0) : undefined;
  const begins = first && isBoundary(first.startState) && beginOf(place) <= atMs;
  return begins ? { timelineId, offset: first.start, atMs: beginOf(place), late } : undefined;
}

/** What came late in the timelines that begin behind a moment, and may have been written before it. */
async function lateIn(archive: ArchivePlace, children: readonly LogPosition[], atMs: number, signal?: AbortSignal) {
  const late: LateArrival[] = [];
  for (const child of children.filter((one) => mayBeginMs(one) <= atMs && one.firstAtMs > atMs)) {
    const read = async () => new Headers(archive, await segmentsOf(archive, child, signal), signal).lateBehind(-1, atMs);
    late.push(...(await unlessOvertaken(read)));
  }
  return late;
}

/** When the byte at an offset came, as nearly as the marks tell. */
async function cutAtOffset(
  archive: ArchivePlace,
  { timelineId, offset }: { timelineId: string; offset: number },
  place: LogPosition,
  signal?: AbortSignal,
): Promise<Cut> {
  const segments = await segmentsOf(archive, place, signal);
  const segment = segments.findLast(({ start }) => start < offset);
  if (!segment) return { timelineId, offset, atMs: beginOf(place) };
  const { marks, firstAtMs } = await readHeader(archive, segment, signal);
  return { timelineId, offset, atMs: marks.findLast(([at]) => at <= offset)?.[1] ?? firstAtMs };
}

/** Of one stretch: what lies behind a hole is another one. */
async function segmentsOf(
  archive: ArchivePlace,
  { timeline, from, end }: LogPosition,
  signal?: AbortSignal,
): Promise<ArchiveSegment[]> {
  const view = mergedView(await listSegments(archive.store, timelineRef(archive, timeline.timelineId), signal));
  return view.filter(({ start }) => from <= start && start < end);
}

/** Headers of the segments of one timeline, each read once. */
class Headers {
  readonly #archive: ArchivePlace;
  readonly #segments: readonly ArchiveSegment[];
  readonly #signal: AbortSignal | undefined;
  readonly #known = new Map<number, Promise<SegmentHeader>>();

  constructor(archive: ArchivePlace, segments: readonly ArchiveSegment[], signal?: AbortSignal) {
    this.#archive = archive;
    this.#segments = segments;
    this.#signal = signal;
  }

  at(index: number): Promise<SegmentHeader> {
    const known = this.#known.get(index) ?? readHeader(this.#archive, this.#segments[index] as ArchiveSegment, this.#signal);
    this.#known.set(index, known);
    return known;
  }

  /** The last segment whose first byte had come by then; -1 if none. Times never go back from one segment to the next. */
  async lastBegunBy(atMs: number): Promise<number> {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((await this.at(middle)).firstAtMs <= atMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The last segment that may have been written by then; those that came late have come behind those that had come. */
  async lastBefore(atMs: number): Promise<number> {
    let last = await this.lastBegunBy(atMs);
    while (last + 1 < this.#segments.length && (await this.#lateBy(last + 1, atMs)).length > 0) last += 1;
    return last;
  }

  /** What came after a moment and may have been written before it, from the last segment on that begins before it. */
  async lateBehind(begun: number, atMs: number): Promise<LateArrival[]> {
    const last = await this.lastBefore(atMs);
    const late: LateArrival[] = [];
    for (let at = Math.max(0, begun); at <= last; at++) late.push(...(await this.#lateBy(at, atMs)));
    return late;
  }

  async #lateBy(index: number, atMs: number): Promise<LateArrival[]> {
    return (await this.at(index)).late.filter((one) => liesIn(atMs, uncertainByLate(one)));
  }
}
