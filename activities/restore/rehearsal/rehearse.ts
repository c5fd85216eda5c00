import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { OTHER } from '../../../model/data-class.ts';
import { type ErrorCode, messageOf, RecoveryError } from '../../../model/errors.ts';
import { formatBytes } from '../../../model/format.ts';
import type { PlannedLog, RestorePlan, TargetFacts } from '../../../model/restore/plan/plan.ts';
import { canLoad, type Server } from '../../../model/restore/rdb-versions.ts';
import type { Rehearsal, RehearsalOutcome } from '../../../model/restore/rehearsal.ts';
import { manyOf } from '../../../model/restore/rehearsed-moments.ts';
import { type HostMemory, hostMemory } from '../../../platforms/host/host-memory.ts';
import { removeThrowaways } from '../../../platforms/throwaway/leftovers.ts';
import { MomentFinder, type Suspect } from '../../../redis/log/moments.ts';
import type { Dependencies, ProtectedInstance } from '../../dependencies.ts';
import { byteProgress, currentJob } from '../../job-context.ts';
import { requireMemory } from '../../throwaway/open.ts';
import { stagingPlaceIn } from '../live/spool-directory.ts';
import { stage } from '../stage.ts';
import { sourceOf } from '../staged-source.ts';
import { Guard } from './guard.ts';
import { ownRehearsal, rehearsalHome, rehearsedRdb, sweepRehearsals } from './home.ts';
import { databasesOf, hasEnded, type RehearsalServer, rehearsalBinary, startRehearsalServer } from './rehearsal-server.ts';
import { type Replayed, replay } from './replay.ts';

export interface RehearseInput {
  /** With a log. */
  plan: RestorePlan;
  target: TargetFacts;
  /** Keep what came out, for the restore that follows under the same operation id. */
  keep: boolean;
}

/** Where figures of this machine come from: for tests. */
export type MemoryOf = () => Promise<HostMemory>;

/** What stands in the way of a rehearsal, and not of the restore itself. */
const NO_ROOM: readonly ErrorCode[] = ['CONFIG_INVALID', 'RESTORE_REFUSED', 'TARGET_DISK_FULL', 'START_FAILED'];

/** See the activity `rehearse`. */
export async function rehearse(
  deps: Dependencies,
  input: RehearseInput,
  memory: MemoryOf = hostMemory,
): Promise<RehearsalOutcome> {
  const { operationId, signal } = currentJob();
  const home = rehearsalHome(deps, operationId);
  let isKept = false;
  try {
    await sweepRehearsals(deps);
    await removeThrowaways(home); // of an attempt that died
    const rehearsal = await tryIt(deps, input, { home, memory });
    isKept = input.keep && rehearsal.result !== undefined;
    return rehearsal;
  } catch (error) {
    signal.throwIfAborted();
    const isHindered = error instanceof RecoveryError && NO_ROOM.includes(error.code);
    if (!isHindered && !isDiskError(error)) throw error;
    return { done: false, why: messageOf(error) };
  } finally {
    if (!isKept) await removeThrowaways(home);
  }
}

const DISK_ERRORS = ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS'];
const isDiskError = (error: unknown): boolean => DISK_ERRORS.includes((error as NodeJS.ErrnoException).code ?? '');

async function tryIt(
  deps: Dependencies,
  { plan, target, keep }: RehearseInput,
  { home, memory }: { home: string; memory: MemoryOf },
): Promise<Rehearsal> {
  const { signal, operationId } = currentJob();
  const { log } = plan;
  if (!log) throw new RecoveryError('INTERNAL', 'a restore without a log needs no rehearsal', { next: 'Report it.' });
  const instance = await deps.shard(plan);
  const { manifest, placeInLog } = await sourceOf(deps, plan);
  const { binary, server } = await rehearsalBinary(instance, manifest);
  await requireMemory({ manifest, log });
  const directory = join(home, randomUUID()); // of this attempt: one that was taken for dead must not remove another's
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await ownRehearsal(home);
  await requireRoom(directory, plan, log);
  const restoreSource = await stageRestoreSource(deps, plan, { directory, instance, manifest });
  const databases = databasesOf(target, manifest);
  const rehearsalServer = await startRehearsalServer(instance, { directory, binary, server, databases, signal });
  const guard = await Guard.over(rehearsalServer, { memory, signal });
  try {
    const countedAtMs = Math.round(deps.now() + (target.clockOffsetMs ?? 0));
    const report = byteProgress('rehearse', deps.now, {
      bytes: restoreSource.rdb.bytes + restoreSource.log.bytes,
      estimated: false,
    });
    const onProgress = (bytes: number) => report(bytes);
    const placeOf = placeInLog && (({ before }: Suspect) => ({ atMs: log.untilMs, place: placeInLog(before) }));
    const options = { classes: instance.classes, aliveAtMs: countedAtMs, guard, onProgress, ...(placeOf ? { placeOf } : {}) };
    const replayed = await replay(rehearsalServer, { ...restoreSource, ...options, signal: guard.signal });
    const names = [...instance.classes.map(({ name }) => name), OTHER];
    const rehearsal = rehearsalOf(replayed, rehearsalServer, { countedAtMs, target, manifest, names });
    if (keep && rehearsal.result) await keepFor(rehearsedRdb(deps, operationId), replayed.counted.path);
    return rehearsal;
  } catch (error) {
    signal.throwIfAborted();
    if (guard.signal.aborted) throw guard.signal.reason;
    throw (await hasEnded(rehearsalServer)) ?? error;
  } finally {
    guard[Symbol.dispose]();
    rehearsalServer.client.close();
    await rehearsalServer.throwaway.stop(guard.signal.aborted ? { timeoutMs: 0 } : {});
  }
}

/** For the worker alone: it holds session tokens. */
async function keepFor(path: string, counted: string): Promise<void> {
  await chmod(counted, 0o600);
  await rename(counted, path);
}

async function stageRestoreSource(
  deps: Dependencies,
  plan: RestorePlan,
  { directory, instance, manifest }: { directory: string; instance: ProtectedInstance; manifest: SnapshotManifest },
) {
  const { renamedCommands, moduleCommands } = instance.archive ?? {};
  const finder = new MomentFinder({ keys: manyOf(manifest.rdb.keys), renamed: renamedCommands, allowed: moduleCommands });
  const place = stagingPlaceIn(join(directory, 'material'));
  await mkdir(join(directory, 'material'), { mode: 0o700 });
  await stage(deps, plan, place, finder);
  const [rdb, log] = [await place.rdb.find(), await place.log.find()];
  if (!rdb || !log) throw new RecoveryError('INTERNAL', 'what was staged is not there', { next: 'Report it.' });
  return { rdb, log, finder };
}

/** Base and log, and then log and what came out, which is taken to be as large as the base. */
async function requireRoom(directory: string, { rdbBytes }: RestorePlan, { bytes }: PlannedLog): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const [free, needed] = [bavail * bsize, 2 * rdbBytes + bytes];
  if (free >= needed) return;
  throw new RecoveryError(
    'TARGET_DISK_FULL',
    `a rehearsal takes about ${formatBytes(needed)} of disk in ${directory}, and ${formatBytes(free)} are free`,
    { next: 'Free space there, or name a larger directory by worker.spool.directory.' },
  );
}

interface Facts {
  countedAtMs: number;
  target: TargetFacts;
  manifest: SnapshotManifest;
  /** Of all classes. */
  names: readonly string[];
}

function rehearsalOf({ counted, moments, moreMoments }: Replayed, { server }: RehearsalServer, facts: Facts): Rehearsal {
  const { countedAtMs, target, manifest, names } = facts;
  const known: Server | undefined = target.installed ?? target.server;
  const sameAsTarget = known?.product === server.product && known.version === server.version;
  const { databases, rdb, sha256 } = counted;
  const isLoadable = sameAsTarget || canLoad(known ?? manifest.server, rdb).loadable === 'yes';
  const classes = new Map(names.map((name) => [name, 0]));
  for (const { name, keys } of databases.flatMap((one) => one.classes)) classes.set(name, (classes.get(name) ?? 0) + keys);
  return {
    done: true,
    server: { ...server, sameAsTarget },
    countedAtMs,
    keys: databases.reduce((sum, { keys }) => sum + keys, 0),
    classes: [...classes].map(([name, keys]) => ({ name, keys })),
    databases,
    functions: rdb.functions,
    moments,
    moreMoments,
    ...(isLoadable ? { result: { rdb, sha256 } } : {}),
  };
}
