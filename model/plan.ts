import type { Census } from './census.ts';
import type { DataClass } from './data-class.ts';
import type { ErrorCode } from './errors.ts';
import type { Bounds } from './expiry-timeline.ts';
import type { ClassLoss } from './loss.ts';
import type { ServerFacts, SnapshotManifest } from './manifest.ts';
import type { Server } from './rdb-versions.ts';

/** `rdb-file`: the server loads dump.rdb. `append-only-directory`: it loads a multi-part directory whose base is the RDB. */
export type RestoreMode = 'rdb-file' | 'append-only-directory';

/** What the plan needs to know of the Redis that will be replaced. Gathered read-only; what is absent could not be known. */
export interface TargetFacts {
  /** Of what runs it, for messages: `redis-server /etc/redis.conf on host db1`. */
  description: string;
  /** Does it answer INFO? */
  reachable: boolean;
  loading?: boolean;
  /** Absent when it does not answer. */
  server?: ServerFacts;
  /** What the next start will run, `redis-server --version`; without it the running server, or the newest backup, is believed. */
  installed?: Server;
  clusterMode?: boolean;
  /** `host:port` of its primary, when it is a replica. */
  primary?: string;
  /** Connected replicas, `host:port`. An attached archiver or backup is none. */
  replicas: string[];
  /** A Sentinel or an operator that acts when the server goes down, by name. */
  supervisor?: string;
  /** Server's TIME minus ours, milliseconds. */
  clockOffsetMs?: number;
  /** DBSIZE of each database. */
  keysNow?: { total: number; databases: { db: number; keys: number }[]; census?: Census };
  /** From the configuration file: what the next start will read. */
  layout: TargetLayout;
  disk: DiskFacts;
  memory: MemoryFacts;
  identity: TargetIdentity;
  /** Is a process there, as the platform sees it? */
  processRunning: boolean;
  /** Names of the applications whose connections are verified at the end. */
  applications: string[];
}

/** The same shape as platforms/ DataLayout. */
export interface TargetLayout {
  dir: string;
  dbfilename: string;
  appendonly: boolean;
  appenddirname: string;
  appendfilename: string;
}

/** Of the file system that `dir` is in. */
export interface DiskFacts {
  freeBytes: number;
  /** Bytes of the data files in `dir` now; they are kept aside, so they free nothing. */
  existingBytes: number;
}

export interface MemoryFacts {
  hostTotalBytes?: number;
  /** MemAvailable: what a new process can take without swapping. */
  hostAvailableBytes?: number;
  /** Limit of the control group, when there is one below the host's memory. */
  limitBytes?: number;
  /** Resident bytes of the Redis that is stopped first: they come free. */
  processResidentBytes?: number;
}

/** How we know that the process behind the platform is the Redis behind the connection. */
export interface TargetIdentity {
  expectedPort: number;
  /** `tcp_port` (or `tls-port`) that the server says. */
  foundPort?: number;
  /** CONFIG GET dir of the server that answers; compared with `layout.dir`. Both resolved to real paths. */
  foundDir?: string;
  /** Of the process that the platform manages. */
  platformPid?: number;
  /** INFO process_id of the server that answers. */
  serverPid?: number;
  runId?: string;
}

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
}

/** What a person may allow by name. */
export interface PlanOptions {
  /** Restore an RDB whose keys could not all be counted. The count can then not be proved. */
  allowUnparsed?: boolean;
  /** Restore a backup that holds nothing alive. */
  allowEmpty?: boolean;
}

export const PLAN_VERSION = 1;

/** What a restore will do, and lose, computed before anything is touched. Plain JSON: it crosses Temporal and is printed with --json. */
export interface RestorePlan {
  version: typeof PLAN_VERSION;
  instance: string;
  shard: string;
  backupId: string;
  /** Of the stored object. */
  sha256: string;
  strategy: 'replace';
  mode: RestoreMode;
  layout: TargetLayout;
  target: string;
  /** ISO 8601, the fork. */
  takenAt: string;
  plannedAt: string;
  ageSeconds: number;
  rdbBytes: number;
  storedBytes: number;
  keysInBackup: number;
  functionsInBackup: number;
  /** Alive at `plannedAt` by the server's clock. */
  aliveNow: Bounds;
  /** Have expired since the backup was taken. */
  expiredSince: Bounds;
  losses: PlannedLosses;
  /** Empty: the restore is allowed. */
  refusals: Refusal[];
  warnings: string[];
  steps: PlannedStep[];
  space: { neededBytes: number; freeBytes: number; keptAsideBytes: number };
  memory: { neededBytes: number; availableBytes?: number; availableWhy: string };
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
  | 'verifyCounts'
  | 'verifyApplications';

export interface PlannedLosses {
  /** Every write from `fromMs` on is lost. */
  writes: { fromMs: number; seconds: number };
  /** What stands in the target now and is replaced. Absent when it could not be counted. */
  replaced?: { keys: number; databases: { db: number; keys: number }[] };
  classes: ClassLoss[];
  /** Sessions that were signed out since the backup come back: only a log would know. At most so many. */
  revived: { name: string; atMost: number }[];
  /** Backups newer than the chosen one, newest first. */
  newerBackups: { backupId: string; takenAt: string; keys: number; reason: SnapshotManifest['reason'] }[];
}
