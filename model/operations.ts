import type { ChangedAccess } from './changed-access.ts';
import { STEP_IDS } from './recovery/runbook.ts';
import type { PlannedLosses, RestorePlan } from './restore/plan/types.ts';
import type { KeysAfter } from './restore/stands-check.ts';

/** Task queues. A place bound to one machine has a queue of its own: `hostQueue`; one that any worker reaches that may: `clusterQueue`. */
export const QUEUES = { ops: 'redis-ops', transfer: 'redis-transfer', archive: 'redis-archive' } as const;

export const hostQueue = (host: string): string => `host/${host}`;

/** Of those who may act in a namespace of a Kubernetes cluster. */
export const clusterQueue = (namespace: string): string => `kubernetes/${namespace}`;

/**
 * When a worker dies in the middle of a decision of a recovery, Temporal gives it to another one after so long. Its default of
 * 10 s is long for somebody who waits for a Redis.
 */
export const RECOVERY_TASK_TIMEOUT = '5 seconds';

/** Search attributes, all of type Keyword. Never a secret: they are stored in the clear. */
export const SEARCH_ATTRIBUTES = {
  instance: 'RedisInstance',
  operation: 'RedisOperation',
  phase: 'RedisPhase',
  outcome: 'RedisOutcome',
} as const;

/** Values of search attribute RedisOperation. */
export type OperationName =
  | 'backup'
  | 'backup-aof'
  | 'restore-rdb'
  | 'restore-aof'
  | 'restore-live'
  | 'merge'
  | 'retention'
  | 'lock'
  | 'archive'
  | 'watch'
  | 'recovery';

const SNAPSHOT_PHASES = ['assess', 'snapshot', 'verify', 'publish'] as const;

const LIVE_PHASES = [
  'plan',
  'rehearse',
  'wait for the lock',
  'download',
  ...SNAPSHOT_PHASES, // of the safety snapshot
  'detach',
  'load',
  'count',
  'persist',
  'applications',
] as const;

const REPLACE_PHASES = [
  'wait for the lock',
  'download',
  ...SNAPSHOT_PHASES, // of the safety snapshot
  'stop',
  'replace',
  'start',
  'load',
  'count',
  'applications',
  'finish',
] as const;

/** What an operation goes through, in order: search attribute RedisPhase, and the page that says what comes next. */
export const PHASES = {
  backup: ['wait for the lock', ...SNAPSHOT_PHASES, 'retention'],
  'restore-rdb': ['plan', ...REPLACE_PHASES],
  'restore-aof': ['plan', 'rehearse', ...REPLACE_PHASES],
  'restore-live': LIVE_PHASES,
  retention: ['retention'],
  lock: [],
  archive: ['follow', 'detached', 'trouble'],
  watch: ['watching', 'suspicious', 'held back', 'asks', 'recovering', 'trouble'],
  'backup-aof': ['wait for the lock', 'assess', 'copy', 'publish'],
  merge: ['plan', 'rehearse', 'wait for the lock', 'merge'],
  recovery: STEP_IDS,
} as const satisfies Record<OperationName, readonly string[]>;

/** Any of them. */
export type Phase = (typeof PHASES)[OperationName][number];

/** Input of `backupSnapshot`. */
export interface BackupInput {
  instance: string;
  /** `manual` unless a schedule says otherwise. */
  reason?: 'scheduled' | 'manual';
  /** How long to wait for another operation on this instance before giving up as `skipped`, seconds. Default 1800. */
  lockWaitSeconds?: number;
}

/** Input of `backupAof`. */
export interface AofBackupInput extends BackupInput {
  /** Which of its Redis. Absent: the only one. */
  shard?: string;
}

/** Result of `backupSnapshot`. */
export type BackupResult =
  | {
      outcome: 'stored';
      instance: string;
      backups: StoredBackup[];
      /** What retention deleted afterwards, or why it could not: a backup that is stored is never called failed. */
      retention: { removed: string[]; problem?: string };
    }
  | { outcome: 'skipped'; instance: string; skippedBecause: string };

/** One stored snapshot, as a person wants to see it in a result. */
export interface StoredBackup {
  backupId: string;
  shard: string;
  keys: number;
  rdbBytes: number;
  storedBytes: number;
  sha256: string;
  seconds: number;
  warnings: string[];
}

/** Input of `restoreFromRdb` and `restoreFromAof`. */
export interface RestoreInput {
  instance: string;
  /** Which of its Redis. Absent: the only one. */
  shard?: string;
  /** A backup id, or `latest`: the newest good one. With `until`: the base of the log, which is found by itself when left out. */
  backupId?: string;
  /**
   * `restoreFromAof` only: how much of the continuous log is replayed. `latest`, a time (ISO 8601), or an offset as
   * `find-destructive` shows it, `<timeline>@<offset>`.
   */
  until?: string;
  /** `restoreFromAof` only, in place of `until`: a copy of the server's own log, whole. */
  aofBackup?: string;
  /** `replace`: stop, replace the files, start. `live`: Redis follows the worker for the length of the load, and serves reads. */
  strategy: 'replace' | 'live';
  /** Digest of the plan that a person approved: the restore refuses to do anything else. */
  plan?: string;
  /** Only say what would be done and lost. The result is the plan. */
  planOnly?: boolean;
  /** Go on without a snapshot of what stands there now. Its files are kept aside in any case. */
  skipSafetySnapshot?: boolean;
  /** Restore an RDB whose keys could not all be counted. The count can then not be proved. */
  allowUnparsed?: boolean;
  /** The data of another Redis, or of another deployment, is wanted here. */
  fromAnother?: boolean;
  /** It is meant for the Redis that answers, though that seems to be another one than the backups were taken from. */
  intoAnother?: boolean;
  /** Do not try base and log in a throw-away Redis first: what comes out is then an estimate. */
  noRehearsal?: boolean;
  /** Digest of the loss that is accepted, as the refusal has printed it: less than half of what was there comes back. */
  acceptLoss?: string;
  /** `restore --direct`, without a workflow: so that the commands that are printed say so. */
  direct?: boolean;
  /** How long a person is asked whether the restored data stays when applications do not come back. Default 5 minutes; then it stays. */
  askForMs?: number;
}

/** Result of `restoreFromRdb`: the plan, or what was done. */
export type RestoreResult = { outcome: 'planned'; instance: string; digest: string; plan: RestorePlan } | RestoreReport;

/** What a restore did, lost and proved. */
export interface RestoreReport {
  outcome: 'restored';
  /** What people call the Redis: `main`, or `main/1` where there are several. */
  instance: string;
  backupId: string;
  /** When the backup was taken. ISO 8601. Without a log, every write after this moment is lost. */
  takenAt: string;
  /** Strategy `live`: how long writes were refused, from REPLICAOF to promotion, and by which means Redis loaded. */
  live?: {
    /** From the first attempt on. */
    writesRefusedSeconds: number;
    /** Changes that were accepted between two attempts, and overwritten by the next. */
    acceptedBetween: number;
    load: 'swapdb' | 'disk';
    persisted: string;
    /** Somebody ran CONFIG REWRITE in the middle of it: whether redis.conf could be written back as it was. */
    configFile?: { state: 'mended' | 'spoilt'; path: string; names: string[]; access?: ChangedAccess };
  };
  /** With a log: the time and the place of the last write that came back. */
  log?: { until: string; timelineId?: string; offset?: number; bytes: number };
  strategy: 'replace' | 'live';
  /** Keys of the RDB that was loaded: the backup, the base of its log, or what a rehearsal has made of both. */
  keysExpected: number;
  /** Of these, accounted for: loaded, or expired before they could be. */
  keysFound: number;
  keysLoaded: number;
  keysExpired: number;
  /** In Redis when they were counted. */
  keysAlive: number;
  /** What stands there, beside what was promised for that moment. */
  keysAfter: KeysAfter;
  /**
   * Every key is accounted for, and each class of each database is as promised. False: Redis does not say what it loaded, the
   * log was not rehearsed, or clients have written already.
   */
  exact: boolean;
  /** What was compared, in one sentence. */
  proof: string;
  /** From the stop, or with `wasDown` from the start of the new process, to its first answer; 0 with strategy `live`. */
  downtimeSeconds: number;
  /** Redis did not answer when the restore began: for how long it had not is not known here. */
  wasDown?: true;
  losses: PlannedLosses;
  warnings: string[];
  applications: { name: string; verdict: string; detail: string }[];
  /** What stood there before, as a snapshot in the repository. */
  safetyBackupId?: string;
  /** What stood there before, as files on the machine. */
  keptAside?: {
    directory: string;
    bytes: number /** There is no snapshot of it: it stays until a person removes it. */;
    onlyCopy: boolean;
  };
  /** Older operations whose files were removed with that, each of which has left a snapshot, or nothing of use. */
  removedAside?: string[];
}

/** Input of `applyRetention`. */
export interface RetentionInput {
  instance: string;
  /** Only say what would be deleted. Default false. */
  dryRun?: boolean;
}

/** Result of `applyRetention`. */
export interface RetentionResult {
  instance: string;
  dryRun: boolean;
  kept: { backupId: string; because: string[] }[];
  removed: { backupId: string; because: string }[];
  /** Remains of backups that were cut short, deleted because they are a day old. */
  swept: string[];
  /** Segments of the continuous log that no kept backup needs. */
  logRemoved: number;
}
