import type { Beyond } from './beyond.ts';
import { TTL_BOUNDS_SECONDS } from './census.ts';
import type { DataClass } from './data-class.ts';
import type { ErrorCode } from './errors.ts';
import type { Bounds } from './expiry-timeline.ts';
import { type LiveFacts, type PlannedLive, plannedLive } from './live.ts';
import { type ClassLoss, classLosses, sumOfBounds } from './loss.ts';
import type { SnapshotManifest } from './manifest.ts';
import { mayEvict, memoryFor, safetySnapshotFor, spaceFor } from './plan-estimates.ts';
import type { TargetFacts, TargetIdentity, TargetLayout } from './plan-facts.ts';
import { appendFormOf, refusalsOf } from './plan-refusals.ts';
import { downtimeOf, liveStepsFor, stepsFor } from './plan-steps.ts';
import { warningsOf } from './plan-warnings.ts';
import type { RehearsalOutcome } from './rehearsal.ts';

export type * from './plan-facts.ts';

/** `rdb-file`: the server loads dump.rdb. `append-only-directory`: it loads a multi-part directory whose base is the RDB. */
export type RestoreMode = 'rdb-file' | 'append-only-directory';

/** What a server with `appendonly yes` loads; the same words as in platforms/. */
export type AppendForm = 'multi-part' | 'single-file';

export interface PlanInput {
  instance: string;
  shard: string;
  /** The chosen backup. */
  manifest: SnapshotManifest;
  /** All that the repository has of this shard; the plan finds out which are newer. */
  others: readonly SnapshotManifest[];
  target: TargetFacts;
  classes: readonly DataClass[];
  nowMs: number;
  options?: PlanOptions;
  /** Absent: the backup alone is restored. */
  log?: PlannedLog;
  /** With strategy `live`. */
  live?: LiveFacts;
  /** The chosen one is a copy of a server's own log: `manifest` says what its base is. */
  aofBackup?: boolean;
  /** With a log: what came out of base and log, or why that could not be tried. */
  rehearsal?: RehearsalOutcome;
  /** What the repository has, or must have had, that is newer than the chosen moment and is of no use. */
  beyond?: readonly Beyond[];
  /** Without a log: no backup was named, the latest one is meant. */
  asksLatest?: boolean;
}

/** What a person may allow by name. */
export interface PlanOptions {
  /** Restore an RDB whose keys could not all be counted. The count can then not be proved. */
  allowUnparsed?: boolean;
  /** Restore a backup that holds nothing alive. */
  allowEmpty?: boolean;
  /** Go on without a snapshot of what stands there now. */
  skipSafetySnapshot?: boolean;
}

export const PLAN_VERSION = 1;

/** The part of the continuous log that is replayed over the backup. */
export interface PlannedLog {
  /** What was asked for: `latest`, a time, or an offset. */
  until: string;
  /** In order; more than one where Redis went on under a new replication id. None: the log of an AOF backup, whole. */
  ranges: { timelineId: string; from: number; to: number }[];
  /** Raw bytes of all ranges. */
  bytes: number;
  /** When the last write came that comes back; milliseconds since 1970, by the clock of the archiver. */
  untilMs: number;
  /** When the last write came that the log has at all. */
  endsMs: number;
}

/** What a restore will do, and lose, computed before anything is touched. Plain JSON: it crosses Temporal and is printed with --json. */
export interface RestorePlan {
  version: typeof PLAN_VERSION;
  instance: string;
  shard: string;
  backupId: string;
  /** Of the stored object. */
  sha256: string;
  strategy: 'replace' | 'live';
  /** With strategy `live`. */
  live?: PlannedLive;
  mode: RestoreMode;
  /** With `append-only-directory`: before Redis 7.0 the log is one file, whose preamble is the RDB. */
  appendForm: AppendForm;
  layout: TargetLayout;
  target: string;
  /** ISO 8601, the fork. */
  takenAt: string;
  plannedAt: string;
  ageSeconds: number;
  rdbBytes: number;
  storedBytes: number;
  keysInBackup: number;
  /** False: only so many could be counted, and the count at the end is no proof. */
  parsed: boolean;
  /** What is replayed over it. */
  log?: PlannedLog;
  /** Base and log are those of this AOF backup. */
  aofBackup?: true;
  /** What came out of base and log, or why that was not tried. */
  rehearsal?: RehearsalOutcome;
  functionsInBackup: number;
  /** Alive at `plannedAt` by the server's clock. */
  aliveNow: Bounds;
  /** Have expired since the backup was taken. */
  expiredSince: Bounds;
  losses: PlannedLosses;
  /** What is newer than the chosen moment, and damaged or missing. */
  beyond: readonly Beyond[];
  /** Empty: the restore is allowed. */
  refusals: Refusal[];
  warnings: string[];
  steps: PlannedStep[];
  space: { neededBytes: number; freeBytes: number; keptAsideBytes: number };
  memory: { neededBytes: number; availableBytes?: number; availableWhy: string };
  /** The data fills maxmemory and the policy evicts: approved, keys that go after the load are no failure. */
  evictionsAnnounced: boolean;
  /** Nobody is served for about this long: stop, replace, start, load. */
  downtimeSeconds: number;
  safetySnapshot: { taken: true } | { taken: false; why: string };
  identity: TargetIdentity;
  /** Of the server that answered; absent when none did. */
  serverRunId?: string;
  applications: string[];
}

export interface Refusal {
  code: ErrorCode;
  message: string;
  next: string;
}

export interface PlannedStep {
  name: StepName;
  title: string;
  /** Changes what clients see, or the data directory. */
  destructive: boolean;
  estimateSeconds: number;
}

export type StepName =
  | 'fetchBackup'
  | 'safetySnapshot'
  | 'stopServer'
  | 'putAside'
  | 'replaceData'
  | 'startServer'
  | 'loadLive'
  | 'ownPersistence'
  | 'verifyCounts'
  | 'verifyApplications';

export interface PlannedLosses {
  /** Every write after `fromMs` is lost. */
  writes: { fromMs: number; seconds: number };
  /** What stands in the target now and is replaced. Absent when it could not be counted. */
  replaced?: { keys: number; databases: { db: number; keys: number }[] };
  classes: ClassLoss[];
  /** Sessions that were signed out since the backup come back: only a log would know. At most so many. */
  revived: { name: string; atMost: number }[];
  newerBackupCount: number;
  /** The newest of the backups that are newer than the chosen one, newest first, at most 5: a plan stays small. */
  newerBackups: { backupId: string; takenAt: string; keys: number; reason: SnapshotManifest['reason'] }[];
}

/**
 * Computes what a restore would do. Everything that forbids it is listed at once, so that nobody finds the next reason only
 * after mending the first.
 */
export function planRestore(input: PlanInput): RestorePlan {
  const { manifest, target, nowMs } = input;
  // A follower loads all keys and expires none meanwhile, as a server does with the base of its log.
  const mode: RestoreMode = target.layout.appendonly || input.live ? 'append-only-directory' : 'rdb-file';
  const losses = lossesOf(input);
  const aliveNow = sumOfBounds(losses.classes.map((one) => one.aliveNow));
  const safetySnapshot = safetySnapshotFor(target, input.options);
  const appendForm = appendFormOf(input);
  const steps = (input.live ? liveStepsFor : stepsFor)(manifest, target, {
    mode,
    appendForm,
    safetySnapshot,
    ...(input.log ? { log: input.log } : {}),
  });
  const draft = {
    version: PLAN_VERSION,
    instance: input.instance,
    shard: input.shard,
    backupId: manifest.backupId,
    sha256: manifest.stored.sha256,
    strategy: input.live ? ('live' as const) : ('replace' as const),
    ...(input.live ? { live: plannedLive(input.live, { rdbBytes: manifest.rdb.bytes, log: input.log }) } : {}),
    mode,
    appendForm,
    layout: target.layout,
    target: target.description,
    takenAt: manifest.times.takenAt,
    plannedAt: new Date(nowMs).toISOString(),
    ageSeconds: losses.writes.seconds,
    rdbBytes: manifest.rdb.bytes,
    storedBytes: manifest.stored.bytes,
    keysInBackup: manifest.rdb.keys,
    parsed: manifest.rdb.parsed,
    ...(input.log ? { log: input.log } : {}),
    ...(input.aofBackup ? { aofBackup: true as const } : {}),
    ...(input.rehearsal ? { rehearsal: input.rehearsal } : {}),
    functionsInBackup: manifest.rdb.functions,
    aliveNow,
    expiredSince: { atLeast: Math.max(0, manifest.rdb.keys - aliveNow.atMost), atMost: manifest.rdb.keys - aliveNow.atLeast },
    losses,
    beyond: input.beyond ?? [],
    refusals: [],
    warnings: [],
    steps,
    space: spaceFor(manifest, mode, target, input.log?.bytes),
    memory: memoryFor(manifest, target),
    evictionsAnnounced: mayEvict(manifest, target),
    downtimeSeconds: input.live ? 0 : downtimeOf(steps),
    safetySnapshot,
    identity: target.identity,
    serverRunId: target.server?.runId ?? target.identity.runId,
    applications: target.applications,
  } satisfies RestorePlan;
  return { ...draft, refusals: refusalsOf(input, draft), warnings: warningsOf(input, draft) };
}

const NEWER_SHOWN = 5;

function lossesOf({ manifest, others, target, classes, nowMs, log }: PlanInput): PlannedLosses {
  const fromMs = log?.untilMs ?? Date.parse(manifest.times.takenAt);
  // the server that loads it decides what has expired, so its clock counts
  const elapsedSeconds = (nowMs + (target.clockOffsetMs ?? 0) - manifest.census.takenAtMs) / 1000;
  const bounds = manifest.ttlBoundsSeconds.length > 0 ? manifest.ttlBoundsSeconds : TTL_BOUNDS_SECONDS;
  const newer = others
    .filter(({ times, reason }) => Date.parse(times.takenAt) > fromMs && reason !== 'safety')
    .sort((a, b) => Date.parse(b.times.takenAt) - Date.parse(a.times.takenAt));
  const ofClasses = classLosses(manifest.census, { classes, bounds, elapsedSeconds, now: target.keysNow?.census });
  return {
    writes: { fromMs, seconds: Math.round((nowMs - fromMs) / 1000) },
    replaced: target.keysNow && { keys: target.keysNow.total, databases: target.keysNow.databases },
    classes: ofClasses,
    revived: (log ? [] : ofClasses) // the log has the sign-outs too
      .filter(({ sensitive, aliveNow }) => sensitive && aliveNow.atMost > 0)
      .map(({ name, aliveNow }) => ({ name, atMost: aliveNow.atMost })),
    newerBackupCount: newer.length,
    newerBackups: newer
      .slice(0, NEWER_SHOWN)
      .map(({ backupId, times, rdb, reason }) => ({ backupId, takenAt: times.takenAt, keys: rdb.keys, reason })),
  };
}

/**
 * What a person approves, as text of which the digest is taken: the same as long as the same bytes go to the same place
 * of the same running Redis. Ages, free bytes and estimates drift from minute to minute and are left out.
 */
export const planDigestSource = (plan: RestorePlan): string =>
  JSON.stringify([
    plan.version,
    plan.instance,
    plan.shard,
    plan.backupId,
    plan.sha256,
    plan.strategy,
    plan.live?.load ?? null,
    plan.mode,
    plan.appendForm,
    plan.log?.ranges.map(({ timelineId, from, to }) => [timelineId, from, to]) ?? null,
    [plan.layout.dir, plan.layout.dbfilename, plan.layout.appendonly, plan.layout.appenddirname, plan.layout.appendfilename],
    plan.serverRunId ?? null,
    [...new Set(plan.refusals.map(({ code }) => code))].sort(),
    ...(plan.aofBackup ? ['aof'] : []),
  ]);
