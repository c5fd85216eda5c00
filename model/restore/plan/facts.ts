import type { ServerFacts } from '../../backup/manifest.ts';
import { formatCountOf } from '../../format.ts';
import type { KeyKind } from '../../key-kind.ts';
import type { NextStart } from '../next-start.ts';
import type { Server } from '../rdb-versions.ts';
import type { ClassKeys } from '../rehearsal.ts';
import type { StartUser } from '../start-user.ts';
import type { Unsaved } from '../unsaved.ts';

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
  /** Of the next start, by redis.conf. Absent: those of the running server count. */
  databases?: number;
  /** Which commands of a log it would not execute. `isKnown`: its own command table was asked. */
  commands?: { isKnown: boolean; lacking: LackingCommand[] };
  /** The commands by which it could be told to save on its way out, where it has none of them, and no log. */
  lacksSave?: string[];
  /** What came since its last save: only its memory has it where it writes no log. Absent when it does not answer. */
  unsaved?: Unsaved;
  /** `host:port` of its primary, when it is a replica. */
  primary?: string;
  /** Connected replicas, `host:port`. An attached archiver or backup is none. */
  replicas: string[];
  /** Of one that does not answer: replicas with data that follow it still. What only they have, no snapshot of it keeps. */
  followers?: { address: string; keys: number }[];
  /** Sentinels that watch it and act when it goes down. Absent when it does not answer, or the user may not ask. */
  sentinels?: number;
  /** Server's TIME minus ours, milliseconds. */
  clockOffsetMs?: number;
  /** DBSIZE of each database. */
  keysNow?: {
    total: number;
    databases: { db: number; keys: number }[];
    /** Counted one by one (SCAN). Absent when that could not be done in time: `uncounted` says why. */
    classes?: ClassKeys[];
    /** What their names begin with. Absent as `classes` is. */
    kinds?: KeyKind[];
    uncounted?: string;
  };
  /** From the configuration file: what the next start will read. */
  layout: TargetLayout;
  disk: DiskFacts;
  memory: MemoryFacts;
  identity: TargetIdentity;
  /** Absent with strategy `live`, which starts nothing. */
  nextStart?: NextStart;
  /** Absent with strategy `live`. */
  startUser?: StartUser;
  /** Is a process there, as the platform sees it, and what a person calls it? */
  processRunning: boolean;
  processName?: string;
  /** The worker may not end it: it runs as another user. */
  mayNotEnd?: true;
  /** Names of the applications whose connections are verified at the end. */
  applications: string[];
}

/** A command that a log may have and that this Redis does not execute. */
export interface LackingCommand {
  /** In capitals, without a sub-command. */
  name: string;
  /** Behind "the log has NAME, which is". */
  why: string;
  next: string;
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
  /** Whether it is the one that the platform runs, as that platform says. Absent: nobody was asked. */
  ofPlatform?: { same: 'yes' } | { same: 'no' | 'unknown'; why: string };
  runId?: string;
  /** `master_replid` and `master_replid2`: of the history that its data is of, and of the one before. */
  replids?: string[];
  /** Other configured instances that the same process answers for. */
  sameAs?: { name: string; runs?: string }[];
  /** What its platform is to run, as the configuration names it, and whether that answers: `no` says why. Absent: not known. */
  managed?: { runs: string; yes: true } | { runs: string; yes: false; why: string };
}

export const sentinelsWatch = (count: number): string => formatCountOf(count, 'Sentinel watches', 'Sentinels watch');

/** What decides whether a Redis can be loaded live. Gathered read-only; the shape of redis/live/conditions.ts. */
export interface LiveFacts {
  product: 'redis' | 'valkey';
  version: string;
  runId: string;
  role: 'master' | 'slave';
  isLoading: boolean;
  usedMemoryBytes: number;
  systemMemoryBytes?: number;
  modules: string[];
  isCluster: boolean;
  sentinels?: number;
  isTlsReplication: boolean;
  minReplicasToWrite: number;
  settings: { masterauth: 'none' | 'known' | 'unknown' };
  /** CONFIG is disabled there, or has a name that nobody knows: nothing can be set for the load. */
  lacksConfig?: true;
  appendonly?: boolean;
  save?: string;
  /** Of its own files, where they are on the machine of the worker. Absent: not known. */
  disk?: { dir: string; freeBytes: number };
  /** Whether Redis can connect to the worker: the load goes that way. Absent: could not be tried. */
  path?: { isReachable: true } | { isReachable: false; why: string };
  /** Where the worker listens, as Redis sees it. */
  workerAddress: string;
}
