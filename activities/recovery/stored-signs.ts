import { latestBackup } from '../../model/backup/latest.ts';
import { ONLY_SHARD } from '../../model/instance.ts';
import type { LogSigns, StoredSigns } from '../../model/recovery/observations.ts';
import { requireOwnRepository } from '../owner.ts';
import type { World } from '../world.ts';
import { type Bounded, bounded, missedIn } from './bounded.ts';

const STORE_MS = 4_000;
const NO_LOG: Bounded<LogSigns | null> = { value: null };

/** What the repository could bring back. A store that is slow or away blocks nobody: then it is not known. */
export async function storedSigns(world: World, instance: string, hasArchive: boolean): Promise<StoredSigns> {
  const [backup, log] = await Promise.all([
    bounded('the newest backup', STORE_MS, () => newestBackup(world, instance)),
    hasArchive ? bounded('the continuous log', STORE_MS, () => newestLog(world, instance)) : NO_LOG,
  ]);
  return {
    ...(backup.missed === undefined ? { backup: backup.value } : {}),
    ...(log.missed === undefined ? { log: log.value } : {}),
    unknown: missedIn(backup, log),
  };
}

async function newestBackup(world: World, instance: string): Promise<NonNullable<StoredSigns['backup']> | null> {
  const repository = await world.repository();
  await requireOwnRepository(world, await world.instance(instance), 'nothing of it counts here');
  const found = latestBackup(await repository.snapshots({ instance, shard: ONLY_SHARD }).list(), world.now());
  if (!found) return null;
  const { backupId, times, rdb, server } = found;
  return { backupId, times, rdb, server };
}

async function newestLog(world: World, instance: string): Promise<LogSigns | null> {
  await requireOwnRepository(world, await world.instance(instance), 'nothing of it counts here');
  const archive = await world.archive(instance, ONLY_SHARD);
  const timeline = await archive.newestTimeline();
  if (!timeline) return null;
  const { end, lastAtMs } = await archive.position(timeline.timelineId);
  const { timelineId, replid } = timeline;
  return { timelineId, replid, end, storedUpTo: new Date(lastAtMs).toISOString() };
}
