import type { SnapshotManifest } from '../backup/manifest.ts';
import type { HealthReport } from '../health-report.ts';
import type { NextStart } from '../restore/next-start.ts';
import type { LeftBehind } from './left-behind.ts';
import type { LogDamage } from './log-damage.ts';
import type { LogRun } from './log-signatures.ts';
import type { RecoverySettings } from './settings.ts';

/** What is seen of a Redis from the machine that it runs on. Plain JSON: it goes from one activity to the next. */
export interface PlatformObservations {
  /** Name of the machine. */
  host: string;
  /** What runs it there, in words. */
  description: string;
  server: ProcessObservations;
  /** How the last process ended, where there is none now or a supervisor brings it up again and again. */
  end?: ExitObservations;
  /** Of the last or present run, and of the one before it, as far as the log still has them. */
  run?: LogRun;
  earlierRun?: LogRun;
  /** `host:port` of replicas that its log names: who follows a Redis that is down. */
  replicas: readonly string[];
  data?: DataObservations;
  /** Where redis.conf disables or renames the command of its log for which the last start ended: `line 12 of /etc/redis.conf`. */
  disabledBy?: string;
  /** Of a Redis that runs and answers: what a restart would make of it. Of one that is down: whether its configuration lets it start. */
  nextStart?: NextStart;
  /** Why what answers is surely another Redis than the configured one. Absent: it is that one, or it cannot be told. */
  stranger?: string;
  /** Over a local connection. Absent: it was not tried, because no process is there. */
  local?: HealthReport;
  /** ISO 8601, as far as they can be seen. */
  files?: { configChangedAt?: string; binaryChangedAt?: string; loggedAt?: string };
  /** What could not be seen and why, one sentence each. */
  unseen: string[];
}

export interface ProcessObservations {
  /** `unknown`: it could not be looked for. */
  running: boolean | 'unknown';
  /** Made and compared by the platform. */
  identity?: string;
  /** The same for a person: `process 312`. */
  name?: string;
  /** ISO 8601. */
  since?: string;
  /** A supervisor starts it again each time that it ends. */
  crashLoop: boolean;
  restartsByItself: boolean;
}

export interface ExitObservations {
  code?: number;
  signal?: string;
  /** ISO 8601. */
  at?: string;
  /** Killed by the kernel for memory. `possible`: something in its control group was, and it cannot be told what. */
  oom: 'yes' | 'possible' | 'no' | 'unknown';
  /** Where that is known from, or why not. */
  oomWhy: string;
}

/** The data directory. */
export interface DataObservations {
  dir: string;
  /** Why it cannot be used: `it is not there`, `user 999 may not write in it`. */
  unusable?: string;
  /** By redis.conf and the command line, and what a running Redis says, if it is asked. */
  appendonly: boolean;
  /**
   * Of dump.rdb, or what it is called. `damaged`: it is loaded at the next start, and does not match its checksum; `unread`: it is too
   * large to tell. `replid`, `replOffset`: where in which replication history it was saved, if Redis had replicas.
   */
  rdb?: { bytes: number; modifiedAt: string; damaged?: true; unread?: true; replid?: string; replOffset?: number };
  /** The append-only directory, or the single file of Redis 6 and older. */
  aof?: AofObservations;
  /** When a recovery restarted it last. `mended`: because what its start had failed of was put right. */
  restarted?: { at: string; mended?: true };
  freeBytes?: number;
  totalBytes?: number;
  /** What operations keep beside it. */
  leftBehind?: LeftBehind[];
}

export interface AofObservations {
  form: 'multi-part' | 'single-file';
  manifest: 'present' | 'missing' | 'unusable';
  /** Data files: base and incr. */
  files: number;
  bytes: number;
  /** The newest of them, ISO 8601. Absent: there are none. */
  writtenAt?: string;
  /** Data files that the manifest does not name: Redis ignores them. */
  orphans: string[];
  orphanBytes: number;
  /** Files that the manifest names and that are not there. */
  missing: string[];
  /** Where its commands cannot be read any further. Only of a log that no Redis writes to; absent: nowhere, or it was not read. */
  damage?: LogDamage;
  /** It is too large to be read in the time that a look has. */
  unread?: true;
  /** The same of the RDB that it begins with. */
  baseUnread?: true;
}

/** One that is said to be a replica of this Redis, asked itself. */
export interface ReplicaObservation {
  address: string;
  look: HealthReport;
}

/** A server that was named as a replica and has no copy of this data, as far as can be proven. Nothing is done to it. */
export interface NotReplica {
  address: string;
  /** What it is instead, such as `is a primary of its own`. */
  why: string;
}

export interface ApplicationObservation {
  name: string;
  kind: 'http' | 'clients' | 'command';
  verdict: 'connected' | 'missing' | 'cannot be told';
  detail: string;
}

/** What the repository has. Absent parts are unknown, which is not the same as nothing: `unknown` says why. */
export interface RepositoryObservations {
  /** The newest that holds anything; null: there is none. */
  backup?: Pick<SnapshotManifest, 'backupId' | 'times' | 'rdb' | 'census' | 'server' | 'replication'> | null;
  /** Null: there is none. */
  log?: ArchiveObservations | null;
  /** `host:port` of those that were connected when it was backed up or measured within the last day. */
  replicas: readonly string[];
  /** When each of them was a replica by that for the last time. ISO 8601. */
  followedAt?: Readonly<Record<string, string>>;
  unknown: string[];
}

export interface ArchiveObservations {
  timelineId: string;
  replid: string;
  /** Everything up to here is stored. */
  end: number;
  /** When the last stored byte came. ISO 8601. */
  storedUpTo: string;
}

/** Everything that a failure is told from. */
export interface Observations {
  instance: string;
  nowMs: number;
  /** From the worker that assesses. */
  worker: HealthReport;
  /** Absent: nobody looked there. */
  platform?: PlatformObservations;
  applications: readonly ApplicationObservation[];
  /** Proven to be of this Redis. */
  replicas: readonly ReplicaObservation[];
  /** Named as such, and not proven. */
  notReplicas: readonly NotReplica[];
  /** Of `replicas`: those that this recovery has let go, or may start Redis beside. */
  beside?: readonly string[];
  /** Of a replica: whether what it follows is alive. */
  primary?: HealthReport;
  stored: RepositoryObservations;
  settings: RecoverySettings;
  /** `onDamage` was said for this recovery, and not only configured. */
  isSaid?: boolean;
}
