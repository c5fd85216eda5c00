import type { ArchiveExtent, Stretch } from '../../model/archive/chain.ts';
import { cutIn } from '../../model/archive/cut.ts';
import type { LateArrival, SegmentHeader, Timeline } from '../../model/archive/timeline.ts';
import { CLOCK_DOUBT_MS } from '../../model/backup/backup-time.ts';
import { type Beyond, clocksOf, gapsOf, restartsOf } from '../../model/backup/unusable.ts';
import { messageOf } from '../../model/errors.ts';
import { inParallel } from '../parallel.ts';
import { type ArchiveSegment, listSegments, mergedView } from './listing.ts';
import { findPosition } from './position.ts';
import { archiveCorrupt } from './schema.ts';
import { type ArchivePlace, isUnusable, readHeader, timelineRef, unlessOvertaken } from './segments.ts';
import { listTimelines, type TimelineProblem } from './timelines.ts';

const TIMELINES_AT_ONCE = 4;
const HEADERS_AT_ONCE = 16;

/** What the archive has, and what it should have and has not. */
export interface Extents {
  extents: ArchiveExtent[];
  /** Timelines that can't be read: nothing is known of them, so nothing of them may be deleted. */
  problems: TimelineProblem[];
  /** Those, and segments that are damaged or missing. */
  damage: Beyond[];
  /** What no archiver could get: each full resynchronization leaves one. */
  gaps: Beyond[];
  /** Restarts of Redis with nothing lost. */
  restarts: Beyond[];
  /** Stretches whose times are ahead of the clock of the store. */
  clocks: Beyond[];
  /** What waited before it came; only if it was asked for. */
  late?: LateArrival[];
}

export interface ExtentsOptions {
  /** Tells of all that came late: a request for each compacted segment, too. */
  late?: boolean;
  signal?: AbortSignal | undefined;
}

/**
 * What the archive has of each timeline, in stretches: where a segment is damaged or missing one ends, and another begins
 * behind it. Known by listings, the headers of all segments that are not compacted yet (only they say where they end), and
 * those of the compacted ones at the ends of a stretch. Damage within the data of a segment is not seen here; openRange
 * refuses it.
 * A timeline without a segment has a stretch of no bytes: others may go on from it.
 */
export async function readExtents(place: ArchivePlace, options: ExtentsOptions = {}): Promise<Extents> {
  const { timelines, problems } = await listTimelines(place);
  const damage: Beyond[] = [];
  const late: LateArrival[] = [];
  const found = await inParallel(timelines, TIMELINES_AT_ONCE, async (timeline) => {
    try {
      const { stretches, beyond, waited } = await unlessOvertaken(() => stretchesOf(place, timeline, options));
      damage.push(...beyond);
      late.push(...waited);
      if (stretches.length > 0) return { timeline, stretches };
      throw archiveCorrupt(
        `${place.store.url}: timeline ${timeline.timelineId} of ${place.instance}`,
        'has nothing but damaged segments',
      );
    } catch (error) {
      if (!isUnusable(error)) throw error;
      problems.push({ timelineId: timeline.timelineId, error });
      return undefined;
    }
  });
  for (const problem of problems) damage.push(await lostTimeline(place, problem));
  const extents = found.filter((extent) => extent !== undefined);
  const told = { gaps: gapsOf(timelines), restarts: restartsOf(timelines), clocks: clocksOf(extents) };
  return { extents, problems, damage: [...damage, ...lostEnds(extents)], ...told, ...(options.late ? { late } : {}) };
}

/** A timeline knows where the one before it ended: what that lacks at its end is known by it. */
function lostEnds(extents: readonly ArchiveExtent[]): Beyond[] {
  const lost = new Map<string, Beyond>();
  for (const { timeline } of extents) {
    const { parent } = timeline;
    const before = extents.find((one) => one.timeline.timelineId === parent?.timelineId)?.stretches.at(-1);
    if (!parent || !before || before.end >= parent.end) continue;
    lost.set(parent.timelineId, {
      ...{ what: 'hole', id: parent.timelineId, from: before.end, to: parent.end },
      ...{
        fromMs: before.lastAtMs,
        toMs: Date.parse(parent.endedAt),
        why: `timeline ${timeline.timelineId} went on behind them`,
      },
    });
  }
  return [...lost.values()];
}

async function stretchesOf(
  place: ArchivePlace,
  timeline: Timeline,
  { late, signal }: ExtentsOptions,
): Promise<{ stretches: Stretch[]; beyond: Beyond[]; waited: LateArrival[] }> {
  const { timelineId } = timeline;
  const view = mergedView(await listSegments(place.store, timelineRef(place, timelineId), signal));
  if (view.length === 0) {
    const { from, end, firstAtMs, lastAtMs, boundary } = await findPosition(place, timelineId, { signal });
    return { stretches: [{ from, end, firstAtMs, lastAtMs, boundary }], beyond: [], waited: [] };
  }
  const headers = new SomeHeaders(place, signal);
  await inParallel(
    view.filter(({ compacted }) => !compacted),
    HEADERS_AT_ONCE,
    (segment) => headers.of(segment),
  );
  for (;;) {
    const usable = view.filter((segment) => !headers.damaged.has(segment));
    const runs = await runsOf(usable, headers);
    const stretches = await inParallel(runs, HEADERS_AT_ONCE, (run) => stretchOf(run, headers));
    // A compacted one that stood at the end of a run was found damaged only now: it is no end.
    if (usable.every((segment) => !headers.damaged.has(segment))) {
      const whole = stretches.filter((stretch) => stretch !== undefined);
      const beyond = await beyondOf(timeline, view, whole, headers);
      return { stretches: whole, beyond, waited: late ? await lateOf(view, headers) : [] };
    }
  }
}

async function lateOf(view: readonly ArchiveSegment[], headers: SomeHeaders): Promise<LateArrival[]> {
  return (await inParallel(view, HEADERS_AT_ONCE, (segment) => headers.lateOf(segment))).flat();
}

/** Segments of which each goes on where the one before ended. */
async function runsOf(segments: readonly ArchiveSegment[], headers: SomeHeaders): Promise<ArchiveSegment[][]> {
  const runs: ArchiveSegment[][] = [];
  let end = -1;
  for (const segment of segments) {
    const run = runs.at(-1);
    if (run && segment.start <= end) run.push(segment);
    else runs.push([segment]);
    end = segment.end ?? (await headers.of(segment))?.end ?? segment.start;
  }
  return runs;
}

/** Undefined: its first or its last header is damaged. */
async function stretchOf(run: readonly ArchiveSegment[], headers: SomeHeaders): Promise<Stretch | undefined> {
  const [first, last] = [run[0], run.at(-1)];
  const [begin, end] = [first && (await headers.of(first)), last && (await headers.of(last))];
  if (!last || !begin || !end) return undefined;
  const boundary = await lastCut(run, headers);
  const isAhead = end.lastAtMs > last.modifiedAtMs + CLOCK_DOUBT_MS;
  const { firstAtMs } = begin;
  const sinceMs = begin.late.find(({ from }) => from === begin.start)?.sinceMs;
  const times = { firstAtMs, lastAtMs: end.lastAtMs, ...(sinceMs === undefined ? {} : { sinceMs }) };
  const stretch = { from: begin.start, end: end.end, ...times, boundary };
  return isAhead ? { ...stretch, storedAtMs: last.modifiedAtMs } : stretch;
}

/** In a transaction longer than so many segments there is no place to cut. */
const MOST_STEPS = 64;

async function lastCut(run: readonly ArchiveSegment[], headers: SomeHeaders): Promise<Stretch['boundary']> {
  for (const segment of run.slice(-MOST_STEPS).reverse()) {
    const header = await headers.of(segment);
    const cut = header && cutIn(header, Number.POSITIVE_INFINITY);
    if (!header || cut) return cut;
  }
  return undefined;
}

/** What lies before, between and behind the stretches: damaged, or missing. */
async function beyondOf(
  timeline: Timeline,
  view: readonly ArchiveSegment[],
  stretches: readonly Stretch[],
  headers: SomeHeaders,
): Promise<Beyond[]> {
  const id = timeline.timelineId;
  const found: Beyond[] = [...headers.damaged].map(([segment, error]) => {
    const to = segment.end ?? view[view.indexOf(segment) + 1]?.start;
    const before = stretches.findLast(({ end }) => end <= segment.start)?.lastAtMs;
    const after = to === undefined ? segment.modifiedAtMs : stretches.find(({ from }) => from >= to)?.firstAtMs;
    return {
      what: 'segment',
      id,
      from: segment.start,
      ...(to === undefined ? {} : { to }),
      ...(before === undefined ? {} : { fromMs: before }),
      ...(after === undefined ? {} : { toMs: after }),
      bytes: segment.sizeBytes,
      why: messageOf(error),
    };
  });
  stretches.forEach((stretch, i) => {
    const before = stretches[i - 1];
    if (!before) return;
    const there = [...headers.damaged.keys()].some(({ start }) => before.end <= start && start < stretch.from);
    const hole: Beyond = {
      ...{ what: 'hole', id, from: before.end, to: stretch.from, fromMs: before.lastAtMs, toMs: stretch.firstAtMs },
      why: 'the segments before and behind them are there',
    };
    if (!there) found.push(hole);
  });
  return found.sort((a, b) => (a.from ?? 0) - (b.from ?? 0));
}

/** A timeline that can't be read: how much of it lies there, and since when by the clock of the store. */
async function lostTimeline(place: ArchivePlace, { timelineId, error }: TimelineProblem): Promise<Beyond> {
  const { raw, compacted } = await listSegments(place.store, timelineRef(place, timelineId));
  const all = [...raw, ...compacted];
  const times = all.map(({ modifiedAtMs }) => modifiedAtMs);
  return {
    ...{ what: 'timeline', id: timelineId, bytes: all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
    ...(all.length === 0 ? {} : { fromMs: Math.min(...times), toMs: Math.max(...times) }),
    why: error.message,
  };
}

/** Each header read once; what is damaged, with the reason. */
class SomeHeaders {
  readonly damaged = new Map<ArchiveSegment, unknown>();
  readonly #place: ArchivePlace;
  readonly #signal: AbortSignal | undefined;
  readonly #known = new Map<ArchiveSegment, Promise<SegmentHeader | undefined>>();

  constructor(place: ArchivePlace, signal?: AbortSignal) {
    this.#place = place;
    this.#signal = signal;
  }

  of(segment: ArchiveSegment): Promise<SegmentHeader | undefined> {
    const known = this.#known.get(segment) ?? this.#read(segment);
    this.#known.set(segment, known);
    return known;
  }

  /** Of one that nobody else asks for the header is not kept: that of a compacted one may be large. */
  async lateOf(segment: ArchiveSegment): Promise<LateArrival[]> {
    return (await (this.#known.get(segment) ?? this.#read(segment)))?.late ?? [];
  }

  async #read(segment: ArchiveSegment): Promise<SegmentHeader | undefined> {
    try {
      return await readHeader(this.#place, segment, this.#signal);
    } catch (error) {
      if (!isUnusable(error)) throw error;
      this.damaged.set(segment, error);
      return undefined;
    }
  }
}
