import type { SnapshotManifest } from '../model/manifest.ts';
import { chooseFromLog as choose, type LogChoice } from '../repository/archive/choose.ts';
import { currentJob } from './job-context.ts';
import { withNeeds } from './log-needs.ts';
import type { World } from './world.ts';

export type { LogChoice } from '../repository/archive/choose.ts';

/** See `chooseFromLog` of the archive; with what the log asks of its target. @param only - restore from this backup and from no other */
export async function chooseFromLog(
  world: World,
  {
    instance,
    shard,
    until,
    all,
    only,
  }: { instance: string; shard: string; until: string; all: SnapshotManifest[]; only?: string },
): Promise<LogChoice> {
  const { signal, progress } = currentJob();
  progress({ stage: 'plan', note: 'looking for the moment in the log' });
  const archive = await world.archive(instance, shard);
  const chosen = await choose(archive, { until, snapshots: all, signal, ...(only === undefined ? {} : { only }) });
  const { archive: commands = {} } = await world.instance(instance);
  return { ...chosen, log: await withNeeds(archive, chosen.log, commands, signal) };
}
