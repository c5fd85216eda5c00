import type { OperationKind } from './lock.ts';

/** Task queues. A place bound to one machine has a queue of its own: `hostQueue`. */
export const QUEUES = { ops: 'redis-ops', transfer: 'redis-transfer' } as const;

export const hostQueue = (host: string): string => `host/${host}`;

export const WORKFLOW_IDS = {
  backup: (instance: string) => `backup/${instance}`,
  restore: (instance: string) => `restore/${instance}`,
  retention: (instance: string) => `retention/${instance}`,
  lock: (instance: string) => `lock/${instance}`,
} as const;

/** Search attributes, all of type Keyword. Never a secret: they are stored in the clear. */
export const SEARCH_ATTRIBUTES = {
  instance: 'RedisInstance',
  operation: 'RedisOperation',
  phase: 'RedisPhase',
  outcome: 'RedisOutcome',
} as const;

/** Values of search attribute RedisOperation. */
export type OperationName = 'backup' | 'restore-rdb' | 'retention' | 'lock';

/** Input of `backupSnapshot`. */
export interface BackupInput {
  instance: string;
  /** `manual` unless a schedule says otherwise. */
  reason?: 'scheduled' | 'manual';
  /** How long to wait for another operation on this instance before giving up as `skipped`, seconds. Default 1800. */
  lockWaitSeconds?: number;
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

/** Input of `restoreFromRdb`. */
export interface RestoreInput {
  instance: string;
  /** A backup id, or `latest`: the newest good one. */
  backupId: string;
  /** `replace`: stop, replace the files, start. */
  strategy: 'replace';
  /** Digest of the plan that a person approved: the restore refuses to do anything else. */
  plan?: string;
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
}

export const LOCK_KIND_OF: Record<'backup' | 'restore-rdb', OperationKind> = { backup: 'backup', 'restore-rdb': 'restore' };
