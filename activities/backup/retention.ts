import type { AofManifest } from '../../model/backup/aof-manifest.ts';
import { CLOCK_DOUBT_MS } from '../../model/backup/backup-time.ts';
import {
  planRetention,
  type RetentionCandidate,
  type RetentionPin,
  type RetentionPlan,
  type RetentionPolicy,
  toCandidate,
} from '../../model/backup/retention.ts';
import type { RetentionInput, RetentionResult } from '../../model/operations.ts';
import type { AofBackups } from '../../repository/aof-backups.ts';
import { isOfNewer } from '../../repository/readable.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireOwnRepository } from '../owner.ts';

/** What was begun this long ago and has no manifest will never get one. */
const SWEEP_AFTER_MS = 24 * 3600 * 1000;
/** A recovery looks back over seven days. */
const BASELINES_KEPT_MS = 14 * 24 * 3600 * 1000;

export const createRetentionActivities = (deps: Dependencies) => ({
  /** Deletes what the rules no longer want, and the remains of dead backups. A retry plans anew and deletes the rest. */
  async applyRetention({ instance, dryRun = false }: RetentionInput): Promise<RetentionResult> {
    const { signal, progress } = currentJob();
    const own = await deps.instance(instance);
    const { retention } = own;
    await requireOwnRepository(deps, own, 'nothing of it is deleted');
    const repository = await deps.repository();
    const nowMs = await provenNow(deps, repository);
    const result: RetentionResult = { instance, dryRun, kept: [], removed: [], swept: [], logRemoved: 0 };
    for (const shard of await repository.shards(instance)) {
      const of = { instance, shard };
      const snapshots = repository.snapshots(of);
      const { manifests, problems } = await snapshots.listWithProblems();
      const pins = await repository.pins(of).list();
      const plan = planRetention(manifests.map(toCandidate), retention, { nowMs, pins });
      for (const { backupId } of dryRun ? [] : plan.remove) {
        signal.throwIfAborted();
        progress({ stage: 'retention', note: `deleting ${backupId}` });
        await snapshots.delete(backupId);
      }
      const copies = await retainAofBackups(repository.aof(of), { dryRun, policy: retention, pins, nowMs });
      result.kept.push(...copies.keep);
      result.removed.push(...copies.remove);
      const gone = new Set(plan.remove.map(({ backupId }) => backupId));
      const kept = manifests.filter(({ backupId }) => !gone.has(backupId));
      // What only a newer version can read may need any of the log.
      const log = problems.some(({ error }) => isOfNewer(error)) ? undefined : await deps.archive(of);
      result.logRemoved += (await log?.retain(kept, { dryRun, nowMs }))?.removed.length ?? 0;
      const swept = await repository.sweep(of, { olderThanMs: SWEEP_AFTER_MS, dryRun, nowMs });
      result.kept.push(...plan.keep);
      result.removed.push(...plan.remove);
      result.swept.push(...swept.map(({ key }) => key));
      result.swept.push(...(await repository.baselines(of).deleteOlder(nowMs - BASELINES_KEPT_MS, { dryRun })));
    }
    return result;

    /** Copies of append-only logs go by the same rules, counted for themselves. */
    async function retainAofBackups(backups: AofBackups, { policy, pins, nowMs, dryRun }: AofRetention): Promise<RetentionPlan> {
      const candidates = (await backups.list()).map(aofCandidate);
      const plan = planRetention(candidates, policy, { nowMs, pins });
      for (const { backupId } of dryRun ? [] : plan.remove) {
        signal.throwIfAborted();
        await backups.delete(backupId);
      }
      return plan;
    }
  },
});

/**
 * By the earlier of two clocks: one that is ahead makes everything old, an upload that is under way and the pins of running
 * restores too.
 */
async function provenNow(deps: Dependencies, repository: Repository): Promise<number> {
  const offsetMs = await repository.clockOffsetMs(deps.now);
  return deps.now() + (offsetMs < -CLOCK_DOUBT_MS ? offsetMs : 0);
}

interface AofRetention {
  dryRun: boolean;
  policy: RetentionPolicy;
  pins: RetentionPin[];
  nowMs: number;
}

/** What a copy holds is not known by its keys alone: what came after its base is in the log. */
const aofCandidate = ({ backupId, times, reason, files }: AofManifest): RetentionCandidate => ({
  backupId,
  takenAtMs: Date.parse(times.takenAt),
  reason,
  keys: 0,
  parsed: false,
  rdbBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
});
