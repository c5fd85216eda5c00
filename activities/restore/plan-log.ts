import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import type { PlannedLog, PlannedMoment } from '../../model/restore/plan/plan.ts';
import { formatOffset } from '../../model/restore/until.ts';
import type { ShardRef } from '../../model/shard.ts';
import { type ChooseOptions, chooseFromLog as choose, type LogChoice } from '../../repository/archive/choose.ts';
import { readExtents } from '../../repository/archive/extents.ts';
import { type FoundDestructive, findDestructive } from '../../repository/archive/moments.ts';
import { withNeeds } from '../archive/log-needs.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';

export type { LogChoice } from '../../repository/archive/choose.ts';

/** See `chooseFromLog` of the archive; with what the log asks of its target. @param only - restore from this backup and from no other */
export async function choosePlannedLog(
  deps: Dependencies,
  {
    instance,
    shard,
    until,
    all,
    ...options
  }: ShardRef & { until: string; all: SnapshotManifest[] } & Pick<ChooseOptions, 'only' | 'unusable' | 'naming'>,
): Promise<LogChoice> {
  const { signal, progress } = currentJob();
  progress({ stage: 'plan', note: 'looking for the moment in the log' });
  const of = { instance, shard };
  const archive = await deps.archive(of);
  const chosen = await choose(archive, { until, snapshots: all, signal, ...options });
  const { archive: commands = {} } = await deps.shard(of);
  return { ...chosen, log: await withNeeds(archive, chosen.log, commands, signal) };
}

/** Clocks of Redis and of the archiver may differ by less than this; the offsets decide. */
const AROUND_MS = 3600 * 1000;

/** What the archive has noted of the stretch that is replayed, oldest first. What each takes is not known. */
export async function momentsIn(
  deps: Dependencies,
  { log, sinceMs, ...of }: ShardRef & { log: PlannedLog; sinceMs: number },
): Promise<PlannedMoment[]> {
  if (log.ranges.length === 0) return []; // a copy of a server's own log has no headers
  const { signal } = currentJob();
  const archive = await deps.archive(of);
  const period = { fromMs: sinceMs - AROUND_MS, toMs: log.untilMs + AROUND_MS };
  const { found } = await findDestructive(archive, await readExtents(archive, { signal }), period, signal);
  const isReplayed = ({ timelineId, before, after }: (typeof found)[0]): boolean =>
    log.ranges.some((range) => range.timelineId === timelineId && range.from <= before && after <= range.to);
  return found.filter(isReplayed).map(plannedMoment);
}

/** What passed in the log as a plan tells of it. */
export const plannedMoment = ({ command, atMs, sinceMs, db, keys, timelineId, before }: FoundDestructive): PlannedMoment => ({
  command,
  atMs,
  ...(sinceMs === undefined ? {} : { sinceMs }),
  db,
  until: formatOffset(timelineId, before),
  ...(keys === undefined ? {} : { named: keys }),
});
