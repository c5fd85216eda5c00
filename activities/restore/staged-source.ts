import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import type { PlannedLog, RestorePlan } from '../../model/restore/plan/plan.ts';
import { type RehearsedMoment, rehearsedResult } from '../../model/restore/rehearsal.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { asSnapshot, openAofBase, openAofLog, placeInCopy } from './aof-source.ts';
import { openRehearsed } from './rehearsal/home.ts';
import { type ReplayOptions, replayedLog } from './replay-log.ts';

/** Where the bytes of a plan come from: a snapshot and the continuous log, or a copy of a server's own log. */
export interface StagedSource {
  manifest: SnapshotManifest;
  /** Of no use before their ends; chunks are only good until the next one is asked for. */
  openBase(): AsyncIterable<Buffer>;
  openLog(log: PlannedLog, options?: Omit<ReplayOptions, 'signal'>): AsyncIterable<Buffer>;
  /** Of a copied log, which has no moments that it could be cut at: the file that has this byte of it. */
  placeInLog?(offset: number): NonNullable<RehearsedMoment['place']>;
}

/**
 * Of a plan that was rehearsed, what came out: base and log in one RDB.
 * @throws RecoveryError `BACKUP_MISSING`, `MANIFEST_INVALID`, `MANIFEST_VERSION_UNKNOWN`
 */
export async function sourceOf(deps: Dependencies, plan: RestorePlan): Promise<StagedSource> {
  const source = await storedSource(deps, plan);
  const rehearsed = rehearsedResult(plan);
  if (!rehearsed) return source;
  const { rdb, sha256 } = rehearsed;
  return { ...source, manifest: { ...source.manifest, rdb }, openBase: () => openRehearsed(deps, plan, sha256) };
}

async function storedSource(deps: Dependencies, plan: RestorePlan): Promise<StagedSource> {
  const { signal } = currentJob();
  const repository = await deps.repository();
  const target = await deps.shard(plan);
  if (!plan.aofBackup) {
    const snapshots = repository.snapshots(plan);
    const manifest = await snapshots.read(plan.backupId);
    return {
      manifest,
      openBase: () => snapshots.open(manifest, { signal, lends: true }),
      openLog: (log, options) => replayedLog(deps, target, log, options),
    };
  }
  const backups = repository.aof(plan);
  const copied = await backups.read(plan.backupId);
  return {
    manifest: asSnapshot(copied),
    openBase: () => openAofBase(backups, copied, signal),
    openLog: (_log, options = {}) => openAofLog(backups, copied, target.archive ?? {}, { signal, ...options }),
    placeInLog: (offset) => placeInCopy(copied, offset),
  };
}
