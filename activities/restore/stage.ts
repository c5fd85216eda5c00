import { createReadStream } from 'node:fs';
import { isWithin, type LogNeeds, shownName } from '../../model/archive/log-needs.ts';
import { type ClassExpiries, narrowTimeline } from '../../model/backup/expiry-timeline.ts';
import { type ErrorCode, RecoveryError } from '../../model/errors.ts';
import { formatList } from '../../model/format.ts';
import type { PlannedLog, RestorePlan } from '../../model/restore/plan/plan.ts';
import { loadsLog, rehearsedResult } from '../../model/restore/rehearsal.ts';
import { stagedLog, stagedRdb, stageLog, stageRdb } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import type { MomentFinder } from '../../redis/log/moments.ts';
import { createRdbReader, type RdbReading, readRdbInPassing } from '../../redis/rdb/reader.ts';
import type { Dependencies } from '../dependencies.ts';
import { byteProgress, currentJob } from '../job-context.ts';
import { refuseUnlike } from './compare-backup.ts';
import { refuseOtherThanRehearsed } from './rehearsal/home.ts';
import { type StagedSource, sourceOf } from './staged-source.ts';

/** What was found in the RDB on its way to the machine, before Redis was touched. */
export interface Staged {
  bytes: number;
  keys: number;
  /** Of the log that is replayed over it, as far as it is. */
  logBytes?: number;
  /** For the proof after the load: who is alive when, by database and class. */
  expiries: ClassExpiries[];
}

/** A file that lies where it will be needed, whole. */
export interface VerifiedFile {
  path: string;
  bytes: number;
}

/** Where backup and log are brought: beside the data files, or on the machine that will feed a live load. */
export interface StagingPlace {
  rdb: StagingFile;
  log: StagingFile;
}

interface StagingFile {
  /** What a finished attempt has left. */
  find(): Promise<VerifiedFile | undefined>;
  /** Under its name only when the source has ended without an error. */
  write(source: AsyncIterable<Buffer>, options: { signal: AbortSignal; onProgress(bytes: number): void }): Promise<VerifiedFile>;
}

/** Beside the data files of a Redis, for strategy `replace`. */
export const besideTheData = (layout: DataLayout, operationId: string): StagingPlace => ({
  rdb: {
    find: () => stagedRdb(layout, operationId),
    write: (source, options) => stageRdb(layout, operationId, source, options),
  },
  log: {
    find: () => stagedLog(layout, operationId),
    write: (source, options) => stageLog(layout, operationId, source, options),
  },
});

/** The minutes around the load that the timelines stay exact for. Longer, and they would fill the history. */
const PROOF_WINDOW_MS = 15 * 60_000;
/** As far as keys are counted by the second while the backup is downloaded. */
const HORIZON_SECONDS = 6 * 3600;

const proofWindowMs = ({ steps }: RestorePlan): number =>
  PROOF_WINDOW_MS + 2_000 * steps.reduce((sum, { estimateSeconds }) => sum + estimateSeconds, 0);

/**
 * Brings the backup to its place and reads every byte and key of it. See `stageBackup`.
 * @param finder - sees the log on its way
 */
export async function stage(deps: Dependencies, plan: RestorePlan, place: StagingPlace, finder?: MomentFinder): Promise<Staged> {
  const source = await sourceOf(deps, plan);
  const { manifest } = source;
  if (manifest.stored.sha256 !== plan.sha256) throw changed(plan);
  const fromMs = deps.now() + manifest.times.clockOffsetMs - 5_000;
  const reading = await readTwiceIfDamaged({ deps, plan, place, source, fromMs });
  const { facts, expiries } = reading;
  const rehearsed = rehearsedResult(plan);
  if (rehearsed) refuseOtherThanRehearsed(plan.name, rehearsed.rdb, facts);
  else refuseUnlike(manifest, reading);
  const proofEndMs = deps.now() + manifest.times.clockOffsetMs + proofWindowMs(plan);
  const logBytes =
    plan.log && loadsLog(plan)
      ? await stagePlannedLog(deps, source, plan.log, { place, ...(finder ? { finder } : {}) })
      : undefined;
  return {
    bytes: facts.bytes,
    keys: facts.keys,
    ...(logBytes === undefined ? {} : { logBytes }),
    expiries: (expiries ?? []).map((one) => ({ ...one, timeline: narrowTimeline(one.timeline, fromMs, proofEndMs) })),
  };
}

/** Brings the log there too, read command by command. A retry takes what a finished attempt has staged. */
async function stagePlannedLog(
  deps: Dependencies,
  source: StagedSource,
  log: PlannedLog,
  { place, finder }: { place: StagingPlace; finder?: MomentFinder },
): Promise<number> {
  const { signal } = currentJob();
  const done = await place.log.find();
  if (done) return done.bytes;
  const report = byteProgress('download the log', deps.now, { bytes: log.bytes, estimated: false });
  const stream = source.openLog(log, { finder, onNeeds: (needs) => refuseUnplanned(log, needs) });
  const { bytes } = await place.log.write(stream, { signal, onProgress: (so) => report(so) });
  return bytes;
}

/** The plan was compared with the target by what it knew of the log. @throws RecoveryError `PLAN_CHANGED`: the log asks for more */
function refuseUnplanned({ needs: planned }: PlannedLog, needs: LogNeeds): void {
  if (!planned || isWithin(needs, { ...planned, commands: ['SELECT', ...planned.commands] })) return;
  const more = needs.commands.filter((command) => command !== 'SELECT' && !planned.commands.includes(command));
  const what = more.length > 0 ? formatList(more.map(shownName)) : `database ${needs.highestDb}`;
  throw new RecoveryError('PLAN_CHANGED', `the log has ${what}, of which the plan did not know`, {
    next: 'Nothing was changed. Plan the restore again; if it says the same, restore a snapshot alone.',
  });
}

/** One flipped bit on the way is no damaged backup: only what is wrong twice is wrong in the store, where no retry mends it. */
async function readTwiceIfDamaged(reading: Reading): Promise<RdbReading> {
  try {
    return await read(reading);
  } catch (error) {
    if (!isDamage(error)) throw error;
    currentJob().progress({ stage: 'download', note: `it came damaged and is read again: ${error.message}` });
  }
  return read(reading).catch((error) => {
    throw isDamage(error) ? damaged(reading.plan, error) : error;
  });
}

interface Reading {
  deps: Dependencies;
  plan: RestorePlan;
  place: StagingPlace;
  source: StagedSource;
  fromMs: number;
}

async function read({ deps, plan, place, source, fromMs }: Reading): Promise<RdbReading> {
  const { signal } = currentJob();
  const { manifest, openBase } = source;
  const { classes } = await deps.shard(plan);
  const reader = createRdbReader({
    classes,
    takenAtMs: manifest.census.takenAtMs,
    expiryTimeline: { fromMs, horizonSeconds: HORIZON_SECONDS },
  });
  const done = await place.rdb.find();
  if (done) {
    for await (const _ of readRdbInPassing(createReadStream(done.path, { highWaterMark: 1 << 20, signal }), reader));
  } else {
    const report = byteProgress('download', deps.now, { bytes: manifest.rdb.bytes, estimated: false });
    const rdb = readRdbInPassing(openBase(), reader);
    await place.rdb.write(rdb, { signal, onProgress: (bytes) => report(bytes) });
  }
  return reader.end();
}

const DAMAGE: readonly ErrorCode[] = ['BACKUP_CORRUPT', 'RDB_CHECKSUM_MISMATCH', 'RDB_MALFORMED'];
const isDamage = (error: unknown): error is RecoveryError => error instanceof RecoveryError && DAMAGE.includes(error.code);

const NEXT = { next: 'Restore an older backup. Nothing was changed.' };

const damaged = ({ name, backupId }: RestorePlan, error: RecoveryError) =>
  new RecoveryError('BACKUP_CORRUPT', `backup ${backupId} of ${name} is damaged: ${error.message}`, NEXT);

const changed = ({ name, backupId }: RestorePlan) =>
  new RecoveryError('PLAN_CHANGED', `backup ${backupId} of ${name} is not the one that was planned: its checksum differs`, {
    next: 'Find out who writes into the repository, then plan again.',
  });
