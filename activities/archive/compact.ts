import { ONLY_SHARD } from '../../model/instance.ts';
import { currentJob } from '../job-context.ts';
import { requireOwnRepository } from '../owner.ts';
import type { World } from '../world.ts';

export interface TidyResult {
  /** Large segments that were made of small ones, over all timelines. */
  compacted: number;
  problems: string[];
}

export const createTidyActivities = (world: World) => ({
  /** Makes few large segments of many small, old ones. Safe to repeat, to kill anywhere, and beside an archiver. */
  async compactArchive({ instance }: { instance: string }): Promise<TidyResult> {
    const { signal, progress } = currentJob();
    const own = await world.instance(instance);
    const { archive: settings } = own;
    await requireOwnRepository(world, own, 'nothing of it is compacted');
    const archive = await world.archive(instance, ONLY_SHARD);
    const result: TidyResult = { compacted: 0, problems: [] };
    for (const { timelineId } of settings ? await archive.timelines() : []) {
      progress({ stage: 'compact', note: timelineId });
      const { compacted, problems } = await archive.compact(timelineId, { olderThanMs: settings?.compactAfterMs, signal });
      result.compacted += compacted.length;
      result.problems.push(...problems.map(({ message }) => message));
    }
    return result;
  },
});
