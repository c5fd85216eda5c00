import type { LogNeeds } from '../../archive/log-needs.ts';
import type { SnapshotManifest } from '../../backup/manifest.ts';
import type { Owner, TakenFrom } from '../../backup/owner.ts';
import type { Beyond } from '../../backup/unusable.ts';
import type { DataClass } from '../../data-class.ts';
import type { ErrorCode } from '../../errors.ts';
import type { NamedShard } from '../../shard.ts';
import type { RehearsalOutcome, RehearsedMoment } from '../rehearsal.ts';
import type { LiveFacts, TargetFacts, TargetIdentity, TargetLayout } from './facts.ts';
import type { Consent, PlannedLive, PlannedLoss, PlannedOutcome } from './planned.ts';

/** `rdb-file`: the server loads dump.rdb. `append-only-directory`: it loads a multi-part directory whose base is the RDB. */
export type RestoreMode = 'rdb-file' | 'append-only-directory';

/** What a server with `appendonly yes` loads; the same words as in platforms/. */
export type AppendForm = 'multi-part' | 'single-file';

export interface PlanInput extends NamedShard {
  /** The chosen backup. */
  manifest: SnapshotManifest;
  /** All that the repository has of this shard; the plan finds out which are newer. */
  others: readonly SnapshotManifest[];
  target: TargetFacts;
  classes: readonly DataClass[];
  nowMs: number;
  options?: PlanOptions;
  /** Whose the backups are, if they are somebody else's. */
  foreignOwner?: Owner;
  /** Absent: the backup alone is restored. */
  log?: PlannedLog;
  /** With strategy `live`. */
  live?: LiveFacts;
  /** The chosen one is a copy of a server's own log: `manifest` says what its base is. */
  aofBackup?: boolean;
  /** With a log: what came out of base and log, or why that could not be tried. */
  rehearsal?: RehearsalOutcome;
  /** With a log that was not rehearsed: what the archive has noted of the stretch that is replayed, oldest first. */
  moments?: readonly PlannedMoment[];
  /** What the repository has, or must have had, that is newer than the chosen moment and is of no use. */
  beyond?: readonly Beyond[];
  /** Why the moment is not certain, each as a clause. */
  doubts?: readonly string[];
  /** Without a log: no backup was named, the latest one is meant. */
  asksLatest?: boolean;
  /** SHA-256 of a text, as short as people copy it. */
  digestOf(text: string): string;
}

/** What a person may allow by name. */
export interface PlanOptions {
  /** Restore an RDB whose keys could not all be counted. The count can then not be proved. */
  allowUnparsed?: boolean;
  /** Digest of the loss that somebody accepts. */
  acceptLoss?: string;
  /** The log was to be left untried. */
  noRehearsal?: boolean;
  /** Go on without a snapshot of what stands there now. */
  skipSafetySnapshot?: boolean;
  /** The data of another Redis, or of another deployment, is wanted here. */
  fromAnother?: boolean;
  /** It is meant for the Redis that answers, though that seems to be another one than the backups were taken from. */
  intoAnother?: boolean;
  /** Without Temporal: the commands that are printed are for that, too. */
  direct?: boolean;
}

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
  /** What it asks of its target. `foreign`: commands that no replay executes. Absent: it is not known before it is read. */
  needs?: LogNeeds & { foreign: string[] };
}

/** A command of the log that takes many keys at once. What it takes is only known when it was tried. */
export interface PlannedMoment
  extends Pick<RehearsedMoment, 'command' | 'atMs' | 'sinceMs' | 'db' | 'until' | 'place'>,
    Partial<Pick<RehearsedMoment, 'keysBefore' | 'keysAfter' | 'took' | 'wrote'>> {
  /** Keys that it names; absent where the log does not say. */
  named?: number;
}

/** What a restore will do, and lose, computed before anything is touched. Plain JSON: it crosses Temporal and is printed with --json. */
export interface RestorePlan {
  version: 1;
  instance: string;
  shard: string;
  /** What people call it: `main`, or `main/1` where there are several. */
  name: string;
  backupId: string;
  /** Of the stored object. */
  sha256: string;
  strategy: 'replace' | 'live';
  /** Whose the backups are, if they are somebody else's. */
  foreignOwner?: Owner;
  /** Why the Redis that answers may be another one than is meant, each as a clause. None: no reason. */
  targetDoubts: string[];
  /** With strategy `live`. */
  live?: PlannedLive;
  mode: RestoreMode;
  /** With `append-only-directory`: before Redis 7.0 the log is one file, whose preamble is the RDB. */
  appendForm: AppendForm;
  layout: TargetLayout;
  target: string;
  /** ISO 8601, the fork. */
  takenAt: string;
  /** Of which Redis, as the configuration of that time named it. */
  takenFrom?: TakenFrom;
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
  /** What was allowed by name, but for a loss: for the commands that are printed. Absent: nothing. */
  consents?: Omit<PlanOptions, 'acceptLoss'>;
  /** What came out of base and log, or why that was not tried. */
  rehearsal?: RehearsalOutcome;
  functionsInBackup: number;
  /** What stands there afterwards. */
  outcome: PlannedOutcome;
  /** Where the replayed log takes many keys at once, oldest first. */
  moments: PlannedMoment[];
  moreMoments: number;
  /** Much less is there afterwards: refused until somebody accepts it. */
  loss?: PlannedLoss;
  /** What comes out is only known when it is there: much less is put back then, unless somebody has accepted that. */
  unforeseen?: Consent;
  losses: PlannedLosses;
  /** What is newer than the chosen moment, and damaged or missing. */
  beyond: readonly Beyond[];
  /** Why the moment is not certain. */
  doubts: readonly string[];
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
  name: PlannedStepName;
  title: string;
  /** Changes what clients see, or the data directory. */
  destructive: boolean;
  estimateSeconds: number;
}

export type PlannedStepName =
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
  /** Sessions that were signed out since the backup come back: only a log would know. At most so many. */
  revived: { name: string; atMost: number }[];
  newerBackupCount: number;
  /** The newest of the backups that are newer than the chosen one, newest first, at most 5: a plan stays small. */
  newerBackups: { backupId: string; takenAt: string; keys: number; reason: SnapshotManifest['reason'] }[];
}
