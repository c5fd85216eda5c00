import type { ShardRef } from '../../model/shard.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireOwnRepository } from '../owner.ts';

export interface CompactResult {
  /** Large segments that were made of small ones, over all timelines. */
  compacted: number;
  problems: string[];
}

export const createCompactActivities = (deps: Dependencies) => ({
  /** Makes few large segments of many small, old ones. Safe to repeat, to kill anywhere, and beside an archiver. */
  async compactArchive(of: ShardRef): Promise<CompactResult> {
    const { signal, progress } = currentJob();
    const own = await deps.shard(of);
    const { archive: settings } = own;
    await requireOwnRepository(deps, own, 'nothing of it is compacted');
    const archive = await deps.archive(of);
    const result: CompactResult = { compacted: 0, problems: [] };
    for (const { timelineId } of settings ? await archive.timelines() : []) {
      progress({ stage: 'compact', note: timelineId });
      const { compacted, problems } = await archive.compact(timelineId, { olderThanMs: settings?.compactAfterMs, signal });
      result.compacted += compacted.length;
      result.problems.push(...problems.map(({ message }) => message));
    }
    return result;
  },
});
