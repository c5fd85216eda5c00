import type { SnapshotManifest } from '../backup/manifest.ts';
import { goesOnFrom, type Timeline } from './timeline.ts';
import { timelinesInOrder } from './timelines.ts';

/** What the archive has of one timeline. */
export interface ArchiveExtent {
  timeline: Timeline;
  /** Runs without a hole, ascending; more than one only after damage from outside. */
  stretches: Stretch[];
}

/** Bytes of one timeline from an offset to another, all of them. A timeline that was just opened has one of no bytes. */
export interface Stretch {
  from: number;
  end: number;
  /** When its first and its last byte came, milliseconds since 1970. */
  firstAtMs: number;
  lastAtMs: number;
  /** Its first bytes came late: they may be of any time since. */
  sinceMs?: number;
  /** When the store had all of it, by its own clock, where that is before `lastAtMs`: no time in it is certain. */
  storedAtMs?: number;
  /** The last place where it may be cut. */
  boundary?: { offset: number; atMs: number };
}

/** A stretch, and the timeline that it is of. */
export interface LogPosition extends Stretch {
  timeline: Timeline;
}

/** A part of one timeline: to be read from one offset to another. */
export interface ArchiveSlice {
  timelineId: string;
  from: number;
  to: number;
}

/** All stretches, as history went. */
export function logPositionsOf(extents: readonly ArchiveExtent[]): LogPosition[] {
  const stretchesOf = new Map(extents.map(({ timeline, stretches }) => [timeline.timelineId, stretches]));
  return timelinesInOrder(extents.map(({ timeline }) => timeline)).flatMap((timeline) =>
    (stretchesOf.get(timeline.timelineId) ?? []).map((stretch) => ({ ...stretch, timeline })),
  );
}

/** When a stretch begins: that of a whole timeline when it was opened, though its first byte came later. */
export const beginOf = ({ timeline, from, firstAtMs }: LogPosition): number =>
  from === timeline.first ? Math.min(Date.parse(timeline.startedAt), firstAtMs) : firstAtMs;

/** The stretch that this one goes on from without a gap, in the timeline before its own. */
export function parentOf(place: LogPosition, places: readonly LogPosition[]): LogPosition | undefined {
  const { timeline, from } = place;
  const { first } = timeline;
  const parent = goesOnFrom(timeline);
  if (!parent || from !== first || parent.end !== first) return undefined;
  // An archiver that was too late may have written a little behind the end that the child knows.
  return places.find((one) => one.timeline.timelineId === parent.timelineId && one.from <= first && first <= one.end);
}

/** The stretches that go on from this one without a gap. */
export const childrenOf = (place: LogPosition, places: readonly LogPosition[]): LogPosition[] =>
  places.filter((one) => parentOf(one, places) === place);

/** All that lies before an offset of a stretch without a gap, the oldest first; the last ends at the offset. */
export function chainTo(
  place: LogPosition,
  offset: number,
  places: readonly LogPosition[],
): { place: LogPosition; to: number }[] {
  const chain = [{ place, to: offset }];
  const seen = new Set([place]);
  for (let one = place; ; ) {
    const parent = parentOf(one, places);
    if (!parent || seen.has(parent)) return chain; // seen: a ring, somebody forged it
    chain.unshift({ place: parent, to: one.from });
    seen.add(parent);
    one = parent;
  }
}

/** Until when a stretch that ended with its Redis is what that held, milliseconds since 1970: until it took writes again. */
export function heldUntil(place: LogPosition, places: readonly LogPosition[]): number | undefined {
  const parents = places.map(({ timeline }) => timeline.parent);
  const restart = parents.find((one) => one?.timelineId === place.timeline.timelineId && one.end === place.end);
  return restart?.restartedAt === undefined ? undefined : Date.parse(restart.restartedAt);
}

/** Until when one can go on from a stretch without a gap, over all that continues it. */
export function reachOf(place: LogPosition, places: readonly LogPosition[], seen: ReadonlySet<LogPosition> = new Set()): number {
  const own = Math.max(place.boundary?.atMs ?? beginOf(place), heldUntil(place, places) ?? 0);
  if (seen.has(place)) return own;
  const further = new Set([...seen, place]);
  return Math.max(own, ...childrenOf(place, places).map((child) => reachOf(child, places, further)));
}

/** Can one go on from this snapshot with the bytes of this stretch? At most up to `to`. */
export const isOn = (
  { replication }: Pick<SnapshotManifest, 'replication'>,
  place: LogPosition,
  to: number = place.end,
): boolean => replication.replid === place.timeline.replid && replication.offset >= place.from && replication.offset <= to;
