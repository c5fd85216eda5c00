import { cutIn } from '../../model/archive/cut.ts';
import { isBoundary, STREAM_BEGIN, type StreamState } from '../../model/archive/stream-state.ts';
import { goesOnFrom, type SegmentHeader } from '../../model/archive/timeline.ts';
import { RecoveryError } from '../../model/errors.ts';
import { type ArchiveSegment, listSegments, mergedView } from './listing.ts';
import { archiveCorrupt } from './schema.ts';
import { type ArchivePlace, isDamage, readHeader, timelineRef, unlessOvertaken } from './segments.ts';
import { readTimeline } from './timelines.ts';

/** Where the archive of a timeline ends. */
export interface ArchivePosition {
  timelineId: string;
  /** Everything up to here is stored. The next segment starts here. */
  end: number;
  endState: StreamState;
  /** The beginning of the oldest segment; retention may have taken what was before. */
  from: number;
  /** When the first and the last byte of the newest segment came, milliseconds since 1970. */
  firstAtMs: number;
  lastAtMs: number;
  /** The last place where the data may be cut. Absent in the middle of a transaction longer than a few segments. */
  boundary?: { offset: number; atMs: number };
  segments: number;
  /**
   * Objects at or behind `end`, behind a hole or damaged: somebody else than an archiver was there. They are in the way, so
   * this timeline can't be gone on with: open another one at `end`.
   */
  beyond: ArchiveSegment[];
}

/** Damage wider than this is no business of an archiver. */
const MOST_STEPS = 64;

/**
 * Finds the end from behind: the newest segment whose predecessor ends where it starts. Segments are stored one at a time,
 * each where the one before ended, so a hole further back arises only by outside damage; it is not looked for here, but no
 * reader steps over it. Three requests, and two for each damaged segment.
 * A timeline without a segment ends where it begins, in the state in which the one ended that it continues.
 * @throws RecoveryError `ARCHIVE_CORRUPT` if none of the newest segments can be read; `ARCHIVE_GAP` if there is no such timeline
 */
export async function findPosition(
  place: ArchivePlace,
  timelineId: string,
  { signal, children = [] }: { signal?: AbortSignal; children?: readonly string[] } = {},
): Promise<ArchivePosition> {
  const found = await unlessOvertaken(async () => {
    const view = mergedView(await listSegments(place.store, timelineRef(place, timelineId), signal));
    return positionIn(place, timelineId, view, signal);
  });
  return found ?? beginOf(place, timelineId, [...children, timelineId], signal);
}

async function positionIn(
  place: ArchivePlace,
  timelineId: string,
  view: readonly ArchiveSegment[],
  signal?: AbortSignal,
): Promise<ArchivePosition | undefined> {
  const [oldest] = view;
  if (!oldest) return undefined;
  const read = headersOf(place, view, signal);
  for (let at = view.length - 1; at >= Math.max(0, view.length - MOST_STEPS); at--) {
    const header = await read(at);
    if (!header || !(await continues(read, view, at))) continue;
    const { end, endState, firstAtMs, lastAtMs } = header;
    const boundary = await boundaryBefore(read, at);
    const beyond = view.slice(at + 1);
    return { timelineId, end, endState, from: oldest.start, firstAtMs, lastAtMs, boundary, segments: at + 1, beyond };
  }
  throw archiveCorrupt(`${place.store.url}: timeline ${timelineId} of ${place.instance}`, 'ends in nothing but damaged segments');
}

async function beginOf(
  place: ArchivePlace,
  timelineId: string,
  children: readonly string[],
  signal?: AbortSignal,
): Promise<ArchivePosition> {
  const timeline = await readTimeline(place, timelineId);
  if (!timeline) throw noTimeline(place, timelineId);
  const { first, startedAt } = timeline;
  const parent = goesOnFrom(timeline);
  const goesOn = parent && !children.includes(parent.timelineId); // no parent of itself, by whatever way
  const before = goesOn ? await findPosition(place, parent.timelineId, { signal, children }) : undefined;
  const endState = before?.end === first ? before.endState : STREAM_BEGIN;
  const atMs = Date.parse(startedAt);
  const boundary = isBoundary(endState) ? { offset: first, atMs } : undefined;
  const times = { firstAtMs: atMs, lastAtMs: atMs };
  return { timelineId, end: first, endState, from: first, ...times, boundary, segments: 0, beyond: [] };
}

const noTimeline = ({ store, instance }: ArchivePlace, timelineId: string): RecoveryError =>
  new RecoveryError('ARCHIVE_GAP', `${store.url} has no timeline ${timelineId} of ${instance}`, {
    next: 'Restore a snapshot alone, or choose a moment that the archive has.',
  });

type ReadHeader = (at: number) => Promise<SegmentHeader | undefined>;

/** Reads each header once. Undefined: it is damaged. */
function headersOf(place: ArchivePlace, view: readonly ArchiveSegment[], signal?: AbortSignal): ReadHeader {
  const known = new Map<number, SegmentHeader | undefined>();
  return async (at) => {
    const segment = view[at];
    if (!segment || known.has(at)) return known.get(at);
    const header = await readHeader(place, segment, signal).catch((error) => {
      if (!isDamage(error)) throw error;
      return undefined;
    });
    known.set(at, header);
    return header;
  };
}

async function continues(read: ReadHeader, view: readonly ArchiveSegment[], at: number): Promise<boolean> {
  const [before, segment] = [view[at - 1], view[at]];
  if (!before || !segment) return true;
  if (before.end !== undefined) return before.end >= segment.start; // compacted: it was read back before it counted
  return (await read(at - 1))?.end === segment.start;
}

async function boundaryBefore(read: ReadHeader, newest: number): Promise<{ offset: number; atMs: number } | undefined> {
  for (let at = newest; at >= Math.max(0, newest - MOST_STEPS); at--) {
    const header = await read(at);
    if (!header) return undefined;
    const cut = cutIn(header, Number.POSITIVE_INFINITY);
    if (cut) return cut;
  }
  return undefined;
}
