import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { SnapshotManifest } from '../../model/manifest.ts';
import type { MergedKeys, MergePlan } from '../../model/merge.ts';
import { removeScratches } from '../../platforms/process/scratch-places.ts';
import { findServerBinary } from '../../platforms/process/server-binary.ts';
import { serverVersion } from '../../platforms/process/server-version.ts';
import { openRedis, type RedisClient } from '../../redis/client.ts';
import { mergeKeys } from '../../redis/merge-keys.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import { currentJob } from '../job-context.ts';
import { openScratch } from '../scratch/open.ts';
import type { ProtectedInstance, World } from '../world.ts';
import { refuseNewer, refuseUnfit } from './fit.ts';

const OPERATION_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** Where the copies of one operation are. All of it goes with them. */
export function scratchHome({ spool }: World, operationId: string): string {
  if (!OPERATION_ID.test(operationId)) throw new Error(`${JSON.stringify(operationId)} is no operation id`);
  return join(spool?.directory ?? tmpdir(), `redis-backup-scratch-${operationId}`);
}

/** Loads a copy, merges, and removes the copy. See `mergeClasses`. */
export async function merge(world: World, plan: MergePlan): Promise<MergedKeys[]> {
  const { signal, progress, operationId } = currentJob();
  const home = scratchHome(world, operationId);
  await removeScratches(home); // of an attempt that died
  const directory = join(home, randomUUID()); // of this attempt: one that was taken for dead must not remove another's
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    const target = await world.instance(plan.instance);
    using to = await openRedis(target.connection);
    const binary = await binaryFor(world, target, to);
    const password = randomBytes(24).toString('base64url');
    const source = {
      repository: await world.repository(),
      archive: await world.archive(plan.instance, plan.shard),
      commands: target.archive ?? {},
    };
    const material = { manifest: await plannedManifest(world, plan), ...(plan.log ? { log: plan.log } : {}) };
    const { host, port } = await openScratch(source, material, { directory, binary, password, signal, onProgress: progress });
    using from = await openRedis({ host, port, password });
    const { classes } = await mergeKeys({
      from,
      to,
      classes: target.classes,
      wanted: plan.classes.map(({ name }) => name),
      signal,
      onProgress: ({ keys, restored }) => progress({ stage: 'merge', note: `${keys} keys looked at, ${restored} brought back` }),
    });
    return plan.log ? classes : classes.map((merged) => withExpired(plan, material.manifest, merged));
  } finally {
    await removeScratches(home);
  }
}

/** On the machine of the Redis its own server, which reads its own data; elsewhere the one of PATH. */
async function binaryFor(world: World, target: ProtectedInstance, to: RedisClient): Promise<string> {
  const server = await readServerFacts(to);
  await refuseUnfit(to, server, target); // again: it may be another one than when it was planned
  const pid = target.process?.host === world.host ? (await to.info('server')).number('process_id') : undefined;
  const binary = await findServerBinary(pid === undefined ? {} : { runningPid: pid });
  refuseNewer(await serverVersion(binary), server, target.name);
  return binary;
}

async function plannedManifest(world: World, plan: MergePlan): Promise<SnapshotManifest> {
  const manifest = await (await world.repository()).readManifest(plan);
  if (manifest.stored.sha256 === plan.sha256) return manifest;
  throw new RecoveryError('PLAN_CHANGED', `backup ${plan.backupId} of ${plan.instance} is not the one that was planned`, {
    next: 'Find out who writes into the repository, then start again.',
  });
}

/** What had expired before the copy was loaded it has never seen; the backup was counted. */
function withExpired({ classes }: MergePlan, { rdb }: SnapshotManifest, merged: MergedKeys): MergedKeys {
  const inBackup = classes.find(({ name }) => name === merged.name)?.keysInBackup ?? 0;
  const { restored, kept, failed, expired } = merged;
  return rdb.parsed ? { ...merged, expired: Math.max(expired, inBackup - restored - kept - failed) } : merged;
}
