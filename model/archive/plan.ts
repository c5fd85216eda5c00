import type { SnapshotManifest } from '../backup/manifest.ts';
import { type Beyond, beyondText, unusableWithin } from '../backup/unusable.ts';
import { RecoveryError } from '../errors.ts';
import { formatTime } from '../format.ts';
import type { Naming } from '../restore/plan/unusable.ts';
import { type Moment, windowsOf } from '../restore/restorable.ts';
import {
  type ArchiveExtent,
  type ArchiveSlice,
  beginOf,
  chainTo,
  heldUntil,
  isOn,
  type LogPosition,
  logPositionsOf,
  parentOf,
} from './chain.ts';
import type { Cut } from './cut.ts';

/** Where to restore to. `offset`: a boundary of that timeline, such as the `before` of a destructive command. */
export type ArchiveTarget =
  | { kind: 'latest' }
  | { kind: 'time'; atMs: number }
  | { kind: 'offset'; timelineId: string; offset: number };

export interface ArchiveFacts {
  extents: readonly ArchiveExtent[];
  snapshots: readonly SnapshotManifest[];
  /** What of the archive is damaged or missing: where it seems to end, it may not. */
  damage?: readonly Beyond[];
  /** Backups that cannot be used: one of them may be the base that is missing. */
  unusable?: readonly Beyond[];
}

/** A snapshot, and the log to execute on top of it. */
export interface ArchivePlan {
  /** What the data will be. */
  cut: Cut;
  base: { backupId: string; timelineId: string; offset: number; takenAtMs: number };
  /** In order. None: the snapshot alone is the moment. */
  slices: ArchiveSlice[];
  logBytes: number;
  /** What came behind the cut and will not come back: from when to when, and how much of it the archive has. */
  lost: { fromMs: number; toMs: number; logBytes: number };
}

/** Why there is no plan. Nothing steps over a gap: what came in it may be what the person wants back. */
export interface ArchiveRefusal {
  why: string;
  /** Milliseconds since 1970; an end that is not known is absent. */
  gap: { fromMs?: number; toMs?: number };
  /** The nearest moments that can be restored. */
  before?: Moment;
  after?: Moment;
}

export type ArchiveDecision = { plan: ArchivePlan } | { refusal: ArchiveRefusal };

/**
 * How to restore to a target: from the newest snapshot at or before it from which the log goes on without a gap.
 * @param cut - of the target, found in the headers of the segments; none where `targetPlace` finds none
 */
export function planArchive(
  { extents, snapshots, damage = [], unusable = [] }: ArchiveFacts,
  target: ArchiveTarget,
  cut?: Cut,
): ArchiveDecision {
  const places = logPositionsOf(extents);
  const usable = snapshots.filter(({ rdb }) => rdb.parsed);
  const found = targetPlace(places, target);
  const place = cut && placeAt(places, cut.timelineId, cut.offset);
  if ('gap' in found || !cut || !place) {
    const gap = 'gap' in found ? found : { why: 'the archive has no place there where it may be cut', gap: {} };
    return { refusal: withDamage({ ...gap, ...nearest(places, usable, timeOf(target) ?? gap.gap.fromMs) }, damage) };
  }
  const chain = chainTo(place, cut.offset, places);
  for (let at = chain.length - 1; at >= 0; at--) {
    const link = chain[at];
    const base = link && newestOn(usable, link.place, link.to);
    if (link && base) return { plan: planFrom(base, chain.slice(at), cut, places) };
  }
  const refusal = { ...noBase(chain[0]?.place ?? place, cut, { places, unusable }), ...nearest(places, usable, cut.atMs) };
  return { refusal: withDamage(refusal, damage) };
}

/** The snapshot from which the log goes on without a gap to its very end. None: what is written now cannot be restored. */
export function baseOfEnd(
  extents: readonly ArchiveExtent[],
  snapshots: readonly SnapshotManifest[],
): SnapshotManifest | undefined {
  const places = logPositionsOf(extents);
  const last = places.at(-1);
  const chain = last ? chainTo(last, last.end, places) : [];
  return chain.map(({ place, to }) => newestOn(snapshots, place, to)).findLast((base) => base !== undefined);
}

/** A moment may be missing only because what had it is damaged: then that is the reason. */
const withDamage = (refusal: ArchiveRefusal, damage: readonly Beyond[]): ArchiveRefusal =>
  damage.length === 0
    ? refusal
    : { ...refusal, why: [`as far as it can be read, ${refusal.why}`, ...damage.map(beyondText)].join('; ') };

/** The stretch that a target lies in; or the gap that it lies in. */
export function targetPlace(
  places: readonly LogPosition[],
  target: ArchiveTarget,
): LogPosition | Pick<ArchiveRefusal, 'why' | 'gap'> {
  const last = places.at(-1);
  if (!last) return { why: 'nothing is archived', gap: {} };
  if (target.kind === 'latest') return last;
  if (target.kind === 'offset') {
    const found = placeAt(places, target.timelineId, target.offset);
    return found ?? { why: `the archive has no offset ${target.offset} of timeline ${target.timelineId}`, gap: {} };
  }
  const { atMs } = target;
  const at = places.findLastIndex((place) => beginOf(place) <= atMs);
  const [place, next] = [places[at], places[at + 1]];
  if (!place) return { why: `the archive begins at ${timeText(Math.min(...places.map(beginOf)))}`, gap: { fromMs: atMs } };
  if (atMs <= place.lastAtMs) return place;
  if (!next) {
    return { why: `the archive ends at ${timeText(place.lastAtMs)}`, gap: { fromMs: place.lastAtMs, toMs: atMs } };
  }
  if (parentOf(next, places) === place) return place; // nothing came in between
  const untilMs = heldUntil(place, places);
  if (untilMs !== undefined) {
    if (atMs <= untilMs) return place;
    const why = `Redis was restarted at ${timeText(untilMs)}, and what it wrote from then until ${timeText(beginOf(next))} is in the backup of that time as a whole`;
    return { why, gap: { fromMs: untilMs, toMs: beginOf(next) } };
  }
  const gap = { fromMs: place.lastAtMs, toMs: beginOf(next) };
  return { why: `the archive has a gap from ${timeText(gap.fromMs)} to ${timeText(gap.toMs)}`, gap };
}

/** What a person is told in place of a plan. */
export function refusalError(instance: string, { why, before, after }: ArchiveRefusal, naming?: Naming): RecoveryError {
  const choices = [
    before && `the last moment before it, ${momentText(before, naming)}`,
    after && `the first after it, ${momentText(after, naming)}`,
  ];
  const known = choices.filter((choice) => choice !== undefined);
  return new RecoveryError('ARCHIVE_GAP', `${instance} cannot be restored to that moment: ${why}`, {
    next: known.length > 0 ? `Choose ${known.join(', or ')}.` : 'Restore a snapshot alone, see `redis-backup list`.',
  });
}

function planFrom(
  base: SnapshotManifest,
  chain: readonly { place: LogPosition; to: number }[],
  cut: Cut,
  places: readonly LogPosition[],
): ArchivePlan {
  const { offset } = base.replication;
  const all = chain.map(({ place, to }, i) => ({
    timelineId: place.timeline.timelineId,
    from: i === 0 ? offset : place.from,
    to,
  }));
  const slices = all.filter(({ from, to }) => to > from);
  const last = chain.at(-1)?.place;
  return {
    cut,
    base: {
      backupId: base.backupId,
      timelineId: all[0]?.timelineId ?? cut.timelineId,
      offset,
      takenAtMs: Date.parse(base.times.takenAt),
    },
    slices,
    logBytes: slices.reduce((sum, { from, to }) => sum + to - from, 0),
    lost: {
      fromMs: cut.atMs,
      toMs: Math.max(cut.atMs, ...places.slice(last ? places.indexOf(last) : 0).map(({ lastAtMs }) => lastAtMs)),
      logBytes: places.reduce((sum, place) => sum + bytesBehind(place, cut, last, places), 0),
    },
  };
}

/** Of later timelines all, of the one that is cut what lies behind the cut, of earlier ones nothing. */
function bytesBehind(place: LogPosition, cut: Cut, last: LogPosition | undefined, places: readonly LogPosition[]): number {
  if (place === last) return place.end - cut.offset;
  return last && places.indexOf(place) > places.indexOf(last) ? place.end - place.from : 0;
}

const placeAt = (places: readonly LogPosition[], timelineId: string, offset: number): LogPosition | undefined =>
  places.find(({ timeline, from, end }) => timeline.timelineId === timelineId && from <= offset && offset <= end);

/** Nearest to the target: the less log, the sooner it is done. */
const newestOn = (snapshots: readonly SnapshotManifest[], place: LogPosition, to: number): SnapshotManifest | undefined =>
  snapshots
    .filter((snapshot) => isOn(snapshot, place, to))
    .reduce<SnapshotManifest | undefined>(
      (best, one) => (best && best.replication.offset > one.replication.offset ? best : one),
      undefined,
    );

function noBase(
  oldest: LogPosition,
  cut: Cut,
  { places, unusable }: { places: readonly LogPosition[]; unusable: readonly Beyond[] },
): Pick<ArchiveRefusal, 'why' | 'gap'> {
  const before = places[places.indexOf(oldest) - 1];
  const heldMs = before && heldUntil(before, places);
  const beginMs = beginOf(oldest);
  const damaged = unusableWithin(unusable, { fromMs: beginMs, toMs: cut.atMs });
  const why =
    `no snapshot${damaged.length > 0 ? ' that can be used' : ''} lies between ${timeText(beginMs)} and ${timeText(cut.atMs)}, ` +
    (heldMs !== undefined
      ? `and no log goes over the restart of Redis at ${timeText(heldMs)}`
      : before
        ? `and before that the archive has a gap since ${timeText(before.lastAtMs)}`
        : 'where the archive begins');
  return { why: [why, ...damaged.map(beyondText)].join('; '), gap: { fromMs: heldMs ?? before?.lastAtMs, toMs: beginMs } };
}

function nearest(
  places: readonly LogPosition[],
  snapshots: readonly SnapshotManifest[],
  atMs: number | undefined,
): Pick<ArchiveRefusal, 'before' | 'after'> {
  if (atMs === undefined) return {};
  const windows = windowsOf(places, snapshots);
  const before = windows
    .filter(({ from }) => from.atMs <= atMs)
    .map(({ from, toMs }): Moment => (toMs > from.atMs ? { atMs: Math.min(toMs, atMs) } : from))
    .reduce<Moment | undefined>((best, one) => (best && best.atMs > one.atMs ? best : one), undefined);
  const after = windows
    .map(({ from }) => from)
    .filter((from) => from.atMs > atMs)
    .reduce<Moment | undefined>((best, one) => (best && best.atMs < one.atMs ? best : one), undefined);
  return { ...(before && { before }), ...(after && { after }) };
}

const timeOf = (target: ArchiveTarget): number | undefined => (target.kind === 'time' ? target.atMs : undefined);
const timeText = (ms: number): string => formatTime(ms, 'seconds');

function momentText({ atMs, backupId }: Moment, naming: Naming | undefined): string {
  const command = backupId ? naming?.backup(backupId) : naming?.until(new Date(atMs).toISOString());
  return `${timeText(atMs)}${backupId ? ` (snapshot ${backupId} alone)` : ''}${command ? `: \`${command}\`` : ''}`;
}
