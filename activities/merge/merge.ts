import { takenAtMs } from '../../model/backup/backup-time.ts';
import { latestBackup, noBackup } from '../../model/backup/latest.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { foreignRepository } from '../../model/backup/owner.ts';
import { type Beyond, newerThan, unusableBackup } from '../../model/backup/unusable.ts';
import { FUNCTIONS } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import { timeOfBackupId } from '../../model/instance.ts';
import { type MergeInput, type MergeOutcome, type MergePlan, planMerge } from '../../model/merge/merge.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import { latestRefusal, type Naming } from '../../model/restore/plan/unusable.ts';
import { doubtRefusal, type TargetDoubt } from '../../model/restore/target-doubt.ts';
import type { NamedShard, ShardRef } from '../../model/shard.ts';
import { removeThrowaways } from '../../platforms/throwaway/leftovers.ts';
import { openRedis } from '../../redis/client/client.ts';
import { countClasses } from '../../redis/keys/count-classes.ts';
import { functionLibraries } from '../../redis/merge/functions.ts';
import { KeyKinds } from '../../redis/rdb/key-kinds.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { foreignOwner } from '../owner.ts';
import { readNamed } from '../restore/named-backup.ts';
import { choosePlannedLog } from '../restore/plan-log.ts';
import { doubtTarget } from '../restore/target-identity.ts';
import { refuseUnfit, refuseUnknown } from './fit.ts';
import { merge, rehearseMerge, throwawayHome } from './run.ts';

/** What a plan names stays for this long, whatever retention says. */
const PINNED_FOR_MS = 24 * 3600 * 1000;

export const createMergeActivities = (deps: Dependencies) => ({
  /**
   * Chooses backup and log of a merge, counts what the instance has, and pins the backup for a day. Changes nothing else.
   * @throws RecoveryError `INPUT_INVALID` for a class that is not configured; `RESTORE_REFUSED` for a Redis that takes no keys
   */
  async planMerge({ of, ...input }: MergeInput & { of: ShardRef }): Promise<MergePlan> {
    const { signal, progress } = currentJob();
    const target = await deps.shard(of);
    const { classes } = target;
    refuseUnknown(input, target);
    using client = await openRedis(target.connection);
    const server = await readServerFacts(client);
    await refuseUnfit(client, server, target);
    const kinds = new KeyKinds();
    const now = await countClasses(client, classes, {
      signal,
      kinds,
      onProgress: (keys) => progress({ stage: 'plan', note: `${keys} keys of ${target.name} counted` }),
    });
    const total = now.reduce((sum, { keys }) => sum + keys, 0);
    const doubt = await doubtTarget(deps, target, client, { total, databases: [], classes: now, kinds: kinds.list() });
    await refuseWrongTarget(deps, target, input, doubt);
    const chosen = await choose(deps, target, input);
    if (!input.planOnly) refuseUnnamed(target.name, input, chosen);
    const clockOffsetMs = Math.round((await client.time()) - deps.now());
    const nowMs = deps.now();
    const pin = { planId: 'merge', untilMs: nowMs + PINNED_FOR_MS, reason: 'a merge plan names it' };
    const { backupId } = chosen.manifest;
    await (await deps.repository()).pins(chosen.manifest).put({ backupId, ...pin });
    const functions = input.classes.includes(FUNCTIONS) ? { functionsNow: (await functionLibraries(client)).length } : {};
    const plan = planMerge({
      ...chosen,
      ...functions,
      name: target.name,
      classes,
      wanted: input.classes,
      now,
      nowMs,
      clockOffsetMs,
    });
    return {
      ...plan,
      targetDoubts: doubt.doubts,
      ...(input.acceptLoss === undefined ? {} : { acceptLoss: input.acceptLoss }),
      ...(input.intoAnother ? { intoAnother: true } : {}),
    };
  },

  /**
   * Loads a throw-away Redis as `mergeClasses` does, compares it with the living one, and adds to the plan what would come back,
   * exactly, and whether there is room for it. Changes nothing. A retry begins anew. @throws RecoveryError those of `openThrowaway`
   */
  async rehearseMerge({ plan }: { plan: MergePlan }): Promise<MergePlan> {
    return rehearseMerge(deps, plan);
  },

  /**
   * Loads a throw-away Redis as of the planned moment, with times to live as they were, and brings those of its keys into the
   * living one that it does not have, as far as there is room; then counts what stands. A retry ends what a dead attempt left
   * running, and begins anew: what is back already is then kept, and room is asked for again.
   * @throws RecoveryError `RESTORE_REFUSED`, `RESTORE_LOSS`, `TARGET_DISK_FULL` before anything is touched; those of `openThrowaway` and `mergeKeys`
   */
  async mergeClasses({ plan }: { plan: MergePlan }): Promise<MergeOutcome> {
    await deps.requireLock(plan.instance);
    return merge(deps, plan);
  },

  /** Undo: ends and removes every copy of an operation. Idempotent. */
  async removeThrowaway({ operationId }: { operationId: string }): Promise<void> {
    await removeThrowaways(throwawayHome(deps, operationId));
  },
});

/**
 * Whoever is reached by a wrong address is not to be told to take over these backups.
 * @throws RecoveryError `TARGET_DOUBTFUL`, `REPOSITORY_FOREIGN`
 */
async function refuseWrongTarget(
  deps: Dependencies,
  target: ProtectedInstance,
  { intoAnother, planOnly }: MergeInput,
  doubt: TargetDoubt,
): Promise<void> {
  const owner = await foreignOwner(deps, target.target);
  const refusal = doubtRefusal(target.name, doubt, intoAnother);
  if (refusal && (owner || !planOnly)) throw new RecoveryError(refusal.code, refusal.message, { next: refusal.next });
  if (owner && target.target) throw foreignRepository(owner, target.target, 'nothing of it is brought back');
}

interface Chosen {
  manifest: SnapshotManifest;
  log?: PlannedLog;
  beyond: Beyond[];
  doubts?: string[];
}

/** @throws RecoveryError `RESTORE_REFUSED` where `latest` leaves something out */
function refuseUnnamed(instance: string, { classes, backupId, until }: MergeInput, { manifest, log, beyond }: Chosen): void {
  if (until === undefined ? backupId !== undefined && backupId !== 'latest' : until !== 'latest') return;
  const chosen = { instance, backupId: manifest.backupId, takenAtMs: takenAtMs(manifest), ...(log ? { log } : {}), beyond };
  const refusal = latestRefusal(chosen, namingOf(instance, classes));
  if (refusal) throw new RecoveryError(refusal.code, refusal.message, { next: refusal.next });
}

function namingOf(instance: string, classes: readonly string[]): Naming {
  const command = `redis-backup restore ${instance}`;
  const only = `--only ${classes.join(',')}`;
  return { until: (moment) => `${command} --until ${moment} ${only}`, backup: (id) => `${command} ${id} ${only}` };
}

async function choose(deps: Dependencies, of: NamedShard, { backupId, until, classes }: MergeInput): Promise<Chosen> {
  const repository = await deps.repository();
  const named = backupId === undefined || backupId === 'latest' ? undefined : backupId;
  if (until === undefined && named !== undefined) return { manifest: await readNamed(repository, of, named), beyond: [] };
  if (named !== undefined) timeOfBackupId(named); // refuses what is no id, before it becomes part of a key
  const { manifests: all, problems } = await repository.snapshots(of).listWithProblems();
  const unusable = problems.map((one) => unusableBackup(one.backupId, one.error.message));
  if (until !== undefined) {
    const only = named === undefined ? {} : { only: named };
    const chosen = await choosePlannedLog(deps, {
      instance: of.instance,
      shard: of.shard,
      until,
      all,
      ...only,
      unusable,
      naming: namingOf(of.name, classes),
    });
    return { ...chosen, beyond: [...newerThan(unusable, chosen.log.untilMs), ...chosen.beyond] };
  }
  const manifest = latestBackup(all, deps.now());
  if (manifest) return { manifest, beyond: newerThan(unusable, takenAtMs(manifest)) };
  throw noBackup(of.name, unusable);
}
