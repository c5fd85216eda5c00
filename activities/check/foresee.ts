import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { takenAtMs } from '../../model/backup/backup-time.ts';
import { latestBackup } from '../../model/backup/latest.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { type Beyond, newerThan, unusableBackup } from '../../model/backup/unusable.ts';
import { type Foreseen, isStanding, type Told, toldOf } from '../../model/restore/foreseen.ts';
import { liveRefusals } from '../../model/restore/plan/live.ts';
import { type DiskFacts, type LiveFacts, planRestore, type TargetFacts } from '../../model/restore/plan/plan.ts';
import { standingRefusals } from '../../model/restore/plan/refusals.ts';
import type { Refusal } from '../../model/restore/plan/types.ts';
import { unsavedWarnings } from '../../model/restore/plan/warnings.ts';
import { type ShardRef, shardIn } from '../../model/shard.ts';
import { openRedis } from '../../redis/client/client.ts';
import { requireUsableDirectory } from '../../redis/persistence/bgsave.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { refuseUnfit } from '../merge/fit.ts';
import { mergeBinary } from '../merge/run.ts';
import { foreignOwner } from '../owner.ts';
import { filesThatItNames } from '../parts.ts';
import type { InLayout } from '../recovery/set-aside.ts';
import { requireSpoolRoom, spoolHome } from '../restore/live/spool-directory.ts';
import { surveyLiveServer } from '../restore/live/survey-live.ts';
import { rehearsalBinary } from '../restore/rehearsal/rehearsal-server.ts';
import { createSurveyActivities, type SurveyedServer, surveyServer } from '../restore/survey-target.ts';
import { requireCopyable, requireMemory } from '../throwaway/open.ts';

export const createForeseeActivities = (deps: Dependencies) => ({
  /** What a plan would be told of a Redis, and of what runs it. Read-only. */
  async foreseeServer(of: ShardRef): Promise<Told<SurveyedServer>> {
    const target = await deps.shard(of);
    return told(() => surveyServer(deps, target));
  },

  /** The same of its data directory. Read-only. */
  foreseeFiles: (input: InLayout): Promise<Told<DiskFacts>> => told(() => createSurveyActivities(deps).surveyFiles(input)),

  /** What of the newest backup, or without one, a plan would refuse, by the plan itself. Read-only, and pins nothing. */
  async foreseeRestore({ target, ...ref }: ShardRef & { target: TargetFacts }): Promise<Foreseen> {
    const of = await deps.shard(ref);
    const losses = unsavedWarnings(target);
    return { ...(await foreseen('restores', () => plannedRefusals(deps, of, { target }))), losses };
  },

  /**
   * What is done over the network, and beside it: a live load, a merge, and what needs files that Redis names. Tries the way from Redis
   * to this worker, for which a key is written and deleted.
   */
  async foreseeBeside(of: ShardRef): Promise<Foreseen[]> {
    const target = await deps.shard(of);
    const all = [await foreseen('live restores', () => liveLoad(deps, target))];
    if (target.classes.length > 0) all.push(await foreseen('restores of some data classes', () => merge(deps, target)));
    if (target.archive) all.push(await foreseen('rehearsals of restores to a moment', () => rehearsal(deps, target)));
    if (target.backup.method === 'bgsave') all.push(await foreseen('backups by bgsave', () => bgsave(target)));
    return all;
  },
});

/** What was found of one operation. */
type Found = Omit<Foreseen, 'operation'>;
type Planned = Found & { rdbBytes?: number };

async function told<T>(look: () => Promise<T>): Promise<Told<T>> {
  try {
    return { facts: await look() };
  } catch (error) {
    return toldOf(error);
  }
}

export async function foreseen(operation: Foreseen['operation'], look: () => Promise<Found>): Promise<Foreseen> {
  const found = await told(look);
  return { operation, ...('facts' in found ? found.facts : found) };
}

const NOTHING_LOADED = { memoryBytes: 0, rdbBytes: 0 };

async function plannedRefusals(
  deps: Dependencies,
  of: ProtectedInstance,
  seen: { target: TargetFacts; live?: LiveFacts },
): Promise<Planned> {
  const { name, classes } = of;
  const { manifests, unusable, newest } = await newestBackup(deps, of);
  const { target, live } = seen;
  if (!newest) {
    const ofLive = live ? liveRefusals(name, live, NOTHING_LOADED) : [];
    return { refusals: [...ofLive, ...standingRefusals({ name, ...seen }, target.server)] };
  }
  const foreign = await foreignOwner(deps, of.target);
  const { refusals } = planRestore({
    ...shardIn(of),
    ...{ classes, target, manifest: newest, others: manifests },
    ...(live ? { live } : {}),
    ...(foreign ? { foreignOwner: foreign } : {}),
    beyond: newerThan(unusable, takenAtMs(newest)),
    asksLatest: true,
    nowMs: deps.now(),
    digestOf: () => '', // nobody accepts it
  });
  return { refusals: standing(refusals), backupId: newest.backupId, rdbBytes: newest.rdb.bytes };
}

const standing = (refusals: readonly Refusal[]): Refusal[] => refusals.filter(isStanding);

async function newestBackup(
  deps: Dependencies,
  of: ProtectedInstance,
): Promise<{ manifests: SnapshotManifest[]; unusable: Beyond[]; newest?: SnapshotManifest }> {
  const { manifests, problems } = await (await deps.repository()).snapshots(of).listWithProblems();
  const newest = latestBackup(manifests, deps.now());
  const unusable = problems.map(({ backupId, error }) => unusableBackup(backupId, error.message));
  return { manifests, unusable, ...(newest ? { newest } : {}) };
}

async function liveLoad(deps: Dependencies, target: ProtectedInstance): Promise<Found> {
  using client = await openRedis(target.connection);
  const { target: facts, live } = await surveyLiveServer(deps, target, client);
  const planned = await plannedRefusals(deps, target, { target: facts, live: { ...live, isLoading: false } }); // that passes
  if (planned.refusals.length === 0 && planned.rdbBytes !== undefined)
    await requireSpoolRoom(await madeIn(spoolHome(deps)), planned.rdbBytes);
  return planned;
}

/** The directory that is there, in which it would be made. */
const madeIn = (directory: string): Promise<string> =>
  access(directory).then(
    () => directory,
    () => madeIn(dirname(directory)),
  );

async function merge(deps: Dependencies, target: ProtectedInstance): Promise<Found> {
  using client = await openRedis(target.connection);
  const server = await readServerFacts(client);
  await refuseUnfit(client, server, target);
  const binary = await mergeBinary(target, server);
  const { newest } = await newestBackup(deps, target);
  if (!newest) return { refusals: [] };
  await requireCopyable(binary, { manifest: newest });
  return { refusals: [], backupId: newest.backupId };
}

async function rehearsal(deps: Dependencies, target: ProtectedInstance): Promise<Found> {
  const { newest } = await newestBackup(deps, target);
  if (!newest) return { refusals: [] };
  await rehearsalBinary(target, newest);
  await requireMemory({ manifest: newest });
  return { refusals: [], backupId: newest.backupId };
}

async function bgsave(target: ProtectedInstance): Promise<Found> {
  using client = await openRedis(target.connection);
  const { policy } = await readServerFacts(client);
  await requireUsableDirectory(filesThatItNames(target, policy).dir, client);
  return { refusals: [] };
}
