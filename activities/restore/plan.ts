import { createHash } from 'node:crypto';
import { takenAtMs } from '../../model/backup/backup-time.ts';
import { latestBackup, noBackup } from '../../model/backup/latest.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { type Beyond, newerThan, unusableBackup } from '../../model/backup/unusable.ts';
import { RecoveryError } from '../../model/errors.ts';
import { timeOfBackupId } from '../../model/instance.ts';
import type { RestoreInput } from '../../model/operations.ts';
import { commandToRestore } from '../../model/restore/plan/commands.ts';
import type { LiveFacts } from '../../model/restore/plan/facts.ts';
import {
  type PlannedLog,
  planDigestSource,
  planRestore,
  type RestorePlan,
  type TargetFacts,
} from '../../model/restore/plan/plan.ts';
import type { Naming } from '../../model/restore/plan/unusable.ts';
import type { RehearsalOutcome } from '../../model/restore/rehearsal.ts';
import type { NamedShard, ShardRef } from '../../model/shard.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Dependencies } from '../dependencies.ts';
import { foreignOwner } from '../owner.ts';
import { asSnapshot, logOf } from './aof-source.ts';
import { readNamed } from './named-backup.ts';
import { choosePlannedLog, momentsIn } from './plan-log.ts';

/** A plan that could be carried out now, and the digest that a person approves. */
export interface ApprovablePlan {
  plan: RestorePlan;
  digest: string;
}

export interface PlanRestoreInput {
  of: ShardRef;
  input: RestoreInput;
  target: TargetFacts;
  /** With strategy `live`. */
  live?: LiveFacts;
  /** With a log: what came out when it was tried. */
  rehearsal?: RehearsalOutcome;
  /** The plan that was rehearsed: this very backup and stretch of log are planned again, whatever is newer by now. */
  drafted?: Pick<RestorePlan, 'backupId' | 'log' | 'beyond' | 'doubts'>;
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** What a plan names stays for this long, whatever retention says. */
const PINNED_FOR_MS = 24 * 3600 * 1000;

export const createPlanActivities = (deps: Dependencies) => ({
  /**
   * Computes what a restore will do, and lose, and pins the backup for a day. Changes nothing else. A plan that is refused
   * for more than its loss is returned too, and pins nothing: who wants to carry it out calls `approveRestore`.
   */
  async planRestore({ of, input, target, live, rehearsal, drafted }: PlanRestoreInput): Promise<ApprovablePlan> {
    const { classes, target: configured, name } = await deps.shard(of);
    const one = { instance: of.instance, shard: of.shard, name };
    const foreign = await foreignOwner(deps, configured);
    const repository = await deps.repository();
    const { manifests: all, problems } = await repository.snapshots(one).listWithProblems();
    const unusable = problems.map(({ backupId, error }) => unusableBackup(backupId, error.message));
    const chosen = await (drafted ? chooseDrafted(deps, one, input, drafted) : choose(deps, one, input, all, unusable));
    const { manifest, log, beyond = [], doubts = [] } = chosen;
    const isTried = rehearsal?.done === true;
    const found = { ...one, sinceMs: takenAtMs(manifest) };
    const moments = log && !isTried ? await momentsIn(deps, { ...found, log }) : undefined;
    const plan = planRestore({
      ...one,
      manifest,
      ...(log ? { log } : {}),
      ...(live ? { live } : {}),
      ...(rehearsal ? { rehearsal } : {}),
      ...(moments ? { moments } : {}),
      ...(input.aofBackup === undefined ? {} : { aofBackup: true }),
      others: all,
      doubts,
      beyond: drafted ? beyond : [...newerThan(unusable, log?.untilMs ?? takenAtMs(manifest)), ...beyond],
      asksLatest: isLatest(input.backupId),
      target,
      ...(foreign ? { foreignOwner: foreign } : {}),
      classes,
      nowMs: deps.now(),
      options: input,
      digestOf,
    });
    if (plan.refusals.every(({ code }) => code === 'RESTORE_LOSS') && !plan.aofBackup && !foreign)
      await pin(repository, one, manifest.backupId, deps.now() + PINNED_FOR_MS);
    return { plan, digest: digestOf(planDigestSource(plan)) };
  },

  /** The gate before anything is touched. @throws RecoveryError of the first refusal, or `PLAN_CHANGED` */
  async approveRestore({ input, plan, digest }: ApprovablePlan & { input: RestoreInput }): Promise<void> {
    if (input.plan && input.plan !== digest) {
      throw new RecoveryError('PLAN_CHANGED', `plan ${input.plan} was approved, but the plan is ${digest} now`, {
        next: `Look at it with \`${askedAgain(plan.name, input)} --plan\` and approve that one.`,
      });
    }
    const [refusal, ...others] = plan.refusals;
    if (!refusal) return;
    const more = others.map(({ message }) => message).join('; ');
    throw new RecoveryError(refusal.code, more ? `${refusal.message}; also: ${more}` : refusal.message, { next: refusal.next });
  },
});

const askedAgain = (
  name: string,
  { instance: _, shard: __, until, aofBackup, backupId, strategy, ...options }: RestoreInput,
): string =>
  commandToRestore({
    instance: name,
    ...(backupId === undefined || (isLatest(backupId) && until !== undefined) ? {} : { backupId }),
    ...(until === undefined ? {} : { until }),
    ...(aofBackup === undefined ? {} : { aofBackup }),
    isLive: strategy === 'live',
    options,
  });

const namingOf = (name: string, { backupId: _, until: __, ...input }: RestoreInput): Naming => ({
  until: (until) => askedAgain(name, { ...input, until }),
  backup: (backupId) => askedAgain(name, { ...input, backupId }),
});

/** The backup that is meant, and the stretch of the log if one is wanted. */
async function choose(
  deps: Dependencies,
  of: NamedShard,
  input: RestoreInput,
  all: SnapshotManifest[],
  unusable: readonly Beyond[],
): Promise<Choice> {
  const { backupId, until, aofBackup } = input;
  if (aofBackup !== undefined) return chooseCopy(deps, of, aofBackup);
  if (until !== undefined) {
    const only = isLatest(backupId) ? {} : { only: backupId };
    return choosePlannedLog(deps, { ...of, until, all, ...only, unusable, naming: namingOf(of.name, input) });
  }
  if (isLatest(backupId)) {
    const manifest = latestBackup(all, deps.now());
    if (!manifest) throw noBackup(of.name, unusable);
    return { manifest };
  }
  return { manifest: await readNamed(await deps.repository(), of, backupId) };
}

/** What was chosen a minute ago: the archive has grown since. */
async function chooseDrafted(
  deps: Dependencies,
  of: ShardRef,
  { aofBackup }: RestoreInput,
  { backupId, log, beyond, doubts }: NonNullable<PlanRestoreInput['drafted']>,
): Promise<Choice> {
  if (aofBackup !== undefined) return { ...(await chooseCopy(deps, of, aofBackup)), beyond: [...beyond], doubts: [...doubts] };
  const manifest = await readNamed(await deps.repository(), of, backupId);
  return { manifest, ...(log ? { log } : {}), beyond: [...beyond], doubts: [...doubts] };
}

/** A copy of the server's own log, whole. */
async function chooseCopy(deps: Dependencies, of: ShardRef, backupId: string): Promise<Choice> {
  timeOfBackupId(backupId); // refuses what is no id, before it becomes part of a key
  const copied = await (await deps.repository()).aof(of).read(backupId);
  const { archive = {} } = await deps.shard(of);
  return { manifest: asSnapshot(copied), log: logOf(copied, archive) };
}

type Choice = { manifest: SnapshotManifest; log?: PlannedLog; beyond?: Beyond[]; doubts?: string[] };

const isLatest = (backupId: string | undefined): backupId is 'latest' | undefined =>
  backupId === undefined || backupId === 'latest';

/** One for all plans of a backup: people look at a plan many times, and each lasts longer than the one before. */
const pin = (repository: Repository, of: ShardRef, backupId: string, untilMs: number): Promise<void> =>
  repository.pins(of).put({ backupId, planId: 'restore', untilMs, reason: 'a restore plan names it' });
