import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerFacts, SnapshotManifest } from '../../model/backup/manifest.ts';
import { FUNCTIONS } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import { unknownRoom } from '../../model/merge/free-memory.ts';
import { mergeMomentWarnings } from '../../model/merge/loss.ts';
import type { MergeOutcome, MergePlan, MergeRehearsal } from '../../model/merge/merge.ts';
import { removeThrowaways } from '../../platforms/throwaway/leftovers.ts';
import { findServerBinary } from '../../platforms/throwaway/server-binary.ts';
import { serverVersion } from '../../platforms/throwaway/server-version.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { compareFunctions, mergeFunctions } from '../../redis/merge/functions.ts';
import { type MergedClass, type MergeProgress, mergeKeys } from '../../redis/merge/merge-keys.ts';
import { compareKeys } from '../../redis/merge/missing-keys.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { openThrowaway } from '../throwaway/open.ts';
import { refuseNewer, refuseUnfit, sharedDatabases } from './fit.ts';
import { judge } from './judge.ts';
import { readNeeds } from './needs.ts';

const OPERATION_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** Where the copies of one operation are. All of it goes with them. */
export function throwawayHome({ spool }: Dependencies, operationId: string): string {
  if (!OPERATION_ID.test(operationId)) throw new Error(`${JSON.stringify(operationId)} is no operation id`);
  return join(spool?.directory ?? tmpdir(), `redis-backup-throwaway-${operationId}`);
}

/** A copy that serves, beside the Redis that it is compared with. */
interface Copied {
  from: RedisClient;
  to: RedisClient;
  target: ProtectedInstance;
  server: ServerFacts;
  manifest: SnapshotManifest;
  /** Those that have wanted keys, and that the living one has. */
  databases: readonly number[];
}

/** Loads a copy, compares it with the living Redis, and removes it. See `rehearseMerge`. */
export const rehearseMerge = (deps: Dependencies, plan: MergePlan): Promise<MergePlan> =>
  withCopy(deps, plan, async (copied) => {
    const rehearsal = await compared(deps, plan, copied);
    const judged = await judge(deps, plan, rehearsal, copied);
    return {
      ...plan,
      rehearsal,
      ...judged,
      warnings: [...plan.warnings, ...unknownRoom(plan.instance, rehearsal.needs), ...mergeMomentWarnings(plan, judged.moments)],
    };
  });

/** Loads a copy, merges what there is room for, counts what stands, and removes the copy. See `mergeClasses`. */
export const merge = (deps: Dependencies, plan: MergePlan): Promise<MergeOutcome> =>
  withCopy(deps, plan, async (copied) => {
    const { signal, progress } = currentJob();
    const before = await compared(deps, plan, copied);
    const { refusals, moments } = await judge(deps, plan, before, copied);
    const [refusal] = refusals;
    if (refusal) throw new RecoveryError(refusal.code, refusal.message, { next: refusal.next });
    const { from, to, target, manifest } = copied;
    const databases = copied.databases.map((db) => ({ from: db, to: db }));
    const wanted = plan.classes.map(({ name }) => name);
    const onProgress = ({ keys, restored }: MergeProgress) =>
      progress({ stage: 'merge', note: `${keys} keys looked at, ${restored} brought back` });
    const merged = await mergeKeys({ from, to, classes: target.classes, wanted, databases, signal, onProgress });
    const functions = wantsFunctions(plan) ? [await mergeFunctions(copied)] : [];
    const { classes: standing } = await compared(deps, plan, copied);
    const classes = [...merged.classes, ...functions].map((one) => {
      const counted = plan.log || one.name === FUNCTIONS ? one : withExpired(plan, manifest, one);
      const { alive = 0, there = 0 } = standing.find(({ name }) => name === one.name) ?? {};
      return { ...counted, promised: alive, standing: there };
    });
    const { evicted, stopped } = merged;
    return { classes, evicted, moments, needs: before.needs, ...(stopped === undefined ? {} : { stopped }) };
  });

const wantsFunctions = ({ classes }: MergePlan): boolean => classes.some(({ name }) => name === FUNCTIONS);

async function compared(deps: Dependencies, plan: MergePlan, copied: Copied): Promise<MergeRehearsal> {
  const { signal, progress } = currentJob();
  const { from, to, target, server, databases } = copied;
  const missing = await compareKeys({
    from,
    to,
    databases,
    classes: target.classes,
    wanted: plan.classes.map(({ name }) => name),
    signal,
    onProgress: (keys) => progress({ stage: 'compare', note: `${keys} keys of the copy looked for in ${plan.name}` }),
  });
  const functions = wantsFunctions(plan) ? [await compareFunctions(copied)] : [];
  const at = new Date(deps.now()).toISOString();
  return { at, classes: [...missing.classes, ...functions], needs: await readNeeds(target, { server, to, missing }) };
}

async function withCopy<T>(deps: Dependencies, plan: MergePlan, body: (copied: Copied) => Promise<T>): Promise<T> {
  const { signal, progress, operationId } = currentJob();
  const home = throwawayHome(deps, operationId);
  await removeThrowaways(home); // of an attempt that died
  const directory = join(home, randomUUID()); // of this attempt: one that was taken for dead must not remove another's
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    const target = await deps.shard(plan);
    using to = await openRedis(target.connection);
    const server = await readServerFacts(to);
    await refuseUnfit(to, server, target); // again: it may be another one than when it was planned
    const binary = await mergeBinary(target, server);
    const password = randomBytes(24).toString('base64url');
    const source = {
      repository: await deps.repository(),
      archive: await deps.archive(plan),
      commands: target.archive ?? {},
    };
    const manifest = await plannedManifest(deps, plan);
    const restoreSource = { manifest, ...(plan.log ? { log: plan.log } : {}) };
    const { host, port } = await openThrowaway(source, restoreSource, {
      directory,
      binary,
      password,
      signal,
      onProgress: progress,
    });
    using from = await openRedis({ host, port, password });
    const wanted = plan.classes.map(({ name }) => name);
    const databases = await sharedDatabases(from, server, target, { wanted, signal });
    return await body({ from, to, target, server, manifest, databases });
  } finally {
    await removeThrowaways(home);
  }
}

/** On the machine of the Redis its own server, which reads its own data; elsewhere the one of PATH. @throws RecoveryError `CONFIG_INVALID`, `RESTORE_REFUSED` */
export async function mergeBinary(target: ProtectedInstance, server: ServerFacts): Promise<string> {
  const { program } = target.files?.isAtHand ? await target.files.throwawayNeeds() : {};
  const binary = await findServerBinary(program === undefined ? {} : { explicit: program });
  refuseNewer(await serverVersion(binary), server, target.name);
  return binary;
}

async function plannedManifest(deps: Dependencies, plan: MergePlan): Promise<SnapshotManifest> {
  const manifest = await (await deps.repository()).snapshots(plan).read(plan.backupId);
  if (manifest.stored.sha256 === plan.sha256) return manifest;
  throw new RecoveryError('PLAN_CHANGED', `backup ${plan.backupId} of ${plan.name} is not the one that was planned`, {
    next: 'Find out who writes into the repository, then start again.',
  });
}

/** What had expired before the copy was loaded it has never seen; the backup was counted. */
function withExpired({ classes }: MergePlan, { rdb }: SnapshotManifest, merged: MergedClass): MergedClass {
  const inBackup = classes.find(({ name }) => name === merged.name)?.keysInBackup ?? 0;
  const { restored, kept, failed, expired } = merged;
  return rdb.parsed ? { ...merged, expired: Math.max(expired, inBackup - restored - kept - failed) } : merged;
}
