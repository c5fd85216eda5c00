import { backupsInOrder, takenAtMs } from '../../model/backup/backup-time.ts';
import { latestBackup } from '../../model/backup/latest.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import type { Owner } from '../../model/backup/owner.ts';
import { RecoveryError } from '../../model/errors.ts';
import { cameAfter, endOfFailed, type KnownFailure, type ServingProcess } from '../../model/recovery/failed-timeline.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import { formatOffset } from '../../model/restore/until.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { chooseFromLog } from '../../repository/archive/choose.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { foreignOwner } from '../owner.ts';

/** Redis tells its age in whole seconds, of a clock that it looks at now and then. */
const START_KNOWN_TO_MS = 2000;

/** What the repository knows of a Redis before it failed. */
export interface BeforeFailure {
  base?: SnapshotManifest;
  /** See DataFacts. */
  replaced?: { atMs: number; backupId: string };
  /** Replayable from a backup to the end at the failure. */
  log?: PlannedLog;
  /** Why there is none, of an instance that keeps one. */
  logProblem?: string;
  /** Whose the backups are, if they are somebody else's: nothing of them counts. */
  foreignOwner?: Owner;
}

/** The process that serves now. */
export async function servingProcess(client: RedisClient, nowMs: number): Promise<ServingProcess> {
  const info = await client.info('server');
  return { runId: info.get('run_id') ?? '', startedAtMs: nowMs - (info.number('uptime_in_seconds') ?? 0) * 1000 };
}

/**
 * The newest backup of before the failure, which a snapshot of a Redis that came up empty is not; and the log up to its end at
 * the failure, where a backup leads to it without a gap.
 */
export async function beforeFailure(
  deps: Dependencies,
  target: ProtectedInstance,
  assessment: Assessment,
  serving: ServingProcess,
): Promise<BeforeFailure> {
  const owner = await foreignOwner(deps, target.target);
  if (owner) return { foreignOwner: owner };
  const all = await (await deps.repository()).snapshots(target).list();
  const base = baseOf(all, assessment, serving, deps.now());
  const log = target.archive ? await logBefore(deps, target, all, assessment, serving) : {};
  const replaced = base && replacedSince(all, base, Date.parse(assessment.at));
  return { ...(base ? { base } : {}), ...(replaced ? { replaced } : {}), ...log };
}

/** A safety snapshot counts when it is of this recovery: taken of the living Redis before it was restarted. */
function baseOf(
  all: readonly SnapshotManifest[],
  failure: KnownFailure,
  serving: ServingProcess,
  nowMs: number,
): SnapshotManifest | undefined {
  const after = cameAfter(failure, serving);
  const beforeMs = after ? serving.startedAtMs + START_KNOWN_TO_MS : Number.POSITIVE_INFINITY;
  const candidates = all
    .filter((one) => takenAtMs(one) < beforeMs && !(after && one.server.runId === serving.runId))
    .filter((one) => one.reason !== 'safety' || takenAtMs(one) >= Date.parse(failure.at))
    .map((one) => ({ ...one, reason: one.reason === 'safety' ? ('manual' as const) : one.reason }));
  const chosen = latestBackup(candidates, nowMs);
  return all.find(({ backupId }) => backupId === chosen?.backupId);
}

/** A restore takes a safety snapshot first; what it gave has a backup of its own as soon as anybody takes one. */
function replacedSince(all: readonly SnapshotManifest[], base: SnapshotManifest, failedMs: number): BeforeFailure['replaced'] {
  if (base.reason === 'safety') return undefined;
  const last = backupsInOrder(all, failedMs).findLast(
    (one) => one.reason === 'safety' && takenAtMs(one) > takenAtMs(base) && takenAtMs(one) < failedMs,
  );
  return last && { atMs: takenAtMs(last), backupId: last.backupId };
}

/** A log that is damaged, has a gap or no backup before it is none: the backup alone is what can be offered. */
async function logBefore(
  deps: Dependencies,
  target: ProtectedInstance,
  snapshots: readonly SnapshotManifest[],
  failure: KnownFailure,
  serving: ServingProcess,
): Promise<Pick<BeforeFailure, 'log' | 'logProblem'>> {
  const { signal } = currentJob();
  const archive = await deps.archive(target);
  try {
    const { extents } = await archive.extents({ signal });
    const end = endOfFailed(extents, failure, serving);
    if (!end) return { logProblem: 'it has nothing of before the failure' };
    const until = formatOffset(end.timelineId, end.offset);
    return { log: (await chooseFromLog(archive, { until, snapshots, signal })).log };
  } catch (error) {
    if (error instanceof RecoveryError && UNUSABLE.has(error.code)) return { logProblem: error.message };
    throw error;
  }
}

const UNUSABLE: ReadonlySet<string> = new Set([
  'ARCHIVE_GAP',
  'ARCHIVE_CORRUPT',
  'MANIFEST_INVALID',
  'MANIFEST_VERSION_UNKNOWN',
  'BACKUP_ENCRYPTED',
]);
