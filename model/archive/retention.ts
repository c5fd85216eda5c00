import type { SnapshotManifest } from '../backup/manifest.ts';
import { formatDuration, formatTime } from '../format.ts';
import { type ArchiveExtent, isOn, type LogPosition, logPositionsOf, parentOf } from './chain.ts';
import { newestOf } from './timelines.ts';

/** What stays of one timeline: the bytes from an offset on, or all, or nothing of it. */
export interface TimelineVerdict {
  timelineId: string;
  because: string;
}

export interface ArchiveRetentionPlan {
  /** `from`: what lies before it goes. */
  keep: (TimelineVerdict & { from: number })[];
  /** Whole timelines, the oldest first. */
  remove: TimelineVerdict[];
}

/** What a snapshot must say to be a base. */
export type Base = Pick<SnapshotManifest, 'backupId' | 'replication'>;

/** A timeline that nothing needs stays so long: its first snapshot may be on its way. */
const YOUNG_MS = 86_400_000;

/**
 * What of the archive of one shard no kept snapshot can go on with. Pinned snapshots are among the kept ones, so their log
 * stays with them. Planning again after it was carried out removes nothing.
 *
 * A kept snapshot needs all log behind it, over all timelines that continue its own. The newest timeline is being written
 * and stays whole while it has no snapshot, and so does any that was written to within a day.
 * @param kept - the snapshots that stay, see planRetention
 */
export function planArchiveRetention(
  extents: readonly ArchiveExtent[],
  kept: readonly Base[],
  { nowMs }: { nowMs: number },
): ArchiveRetentionPlan {
  const places = logPositionsOf(extents);
  const newest = newestOf(extents.map(({ timeline }) => timeline));
  const needed = neededFrom(places, kept);
  const plan: ArchiveRetentionPlan = { keep: [], remove: [] };
  for (const { timeline, stretches } of extents) {
    const { timelineId, first, startedAt } = timeline;
    const need = leastOf(places.filter((place) => place.timeline === timeline).map((place) => needed.get(place)));
    const lastAtMs = Math.max(Date.parse(startedAt), ...stretches.map((stretch) => stretch.lastAtMs));
    if (need) plan.keep.push({ timelineId, ...need });
    else if (timeline === newest) plan.keep.push({ timelineId, from: first, because: 'the newest: no snapshot of it yet' });
    else if (nowMs - lastAtMs < YOUNG_MS) {
      plan.keep.push({ timelineId, from: first, because: `written to within ${formatDuration(YOUNG_MS)}` });
    } else plan.remove.push({ timelineId, because: `no kept snapshot goes on in it; it ended ${formatTime(lastAtMs)}` });
  }
  return plan;
}

type Need = Omit<ArchiveRetentionPlan['keep'][number], 'timelineId'>;

/** From where on each stretch is needed: from its oldest kept snapshot, or whole if an earlier one goes on into it. */
function neededFrom(places: readonly LogPosition[], kept: readonly Base[]): Map<LogPosition, Need> {
  const needed = new Map<LogPosition, Need>();
  for (const place of places) {
    const own = kept.filter((base) => isOn(base, place)).map(needOf);
    const parent = parentOf(place, places); // comes before it
    const goesOn = parent && needed.has(parent);
    const whole: Need[] = goesOn ? [{ from: place.from, because: `goes on from ${parent.timeline.timelineId}` }] : [];
    const need = leastOf([...whole, ...own]);
    if (need) needed.set(place, need);
  }
  return needed;
}

const needOf = ({ backupId, replication }: Base): Need => ({ from: replication.offset, because: `snapshot ${backupId}` });

const leastOf = (needs: readonly (Need | undefined)[]): Need | undefined =>
  needs.reduce((least, need) => (need && (!least || need.from < least.from) ? need : least), undefined);
