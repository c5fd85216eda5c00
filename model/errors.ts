/**
 * Every error that a person can see: its code, the exit code of the command, and whether trying again can mend it.
 * Exit codes, Temporal retry rules and docs/errors.md are made from this table.
 */
export const ERRORS = {
  // 2: what the person gave us is wrong; nothing was touched
  USAGE: { exit: 2, retryable: false, title: 'The command was called in a way that it does not know' },
  CONFIG_INVALID: { exit: 2, retryable: false, title: 'redis-backup.yaml, or a value it refers to, is not usable' },
  INPUT_INVALID: { exit: 2, retryable: false, title: 'The input of a workflow is not usable' },
  INSTANCE_UNKNOWN: { exit: 2, retryable: false, title: 'The configuration has no such instance' },

  // 10-19: Redis
  REDIS_UNREACHABLE: { exit: 10, retryable: true, title: 'Redis does not answer' },
  REDIS_AUTH_FAILED: { exit: 11, retryable: false, title: 'Redis refuses the user or password' },
  REDIS_PERMISSION_DENIED: { exit: 11, retryable: false, title: 'The ACL user lacks a command' },
  REDIS_NOT_READY: { exit: 12, retryable: true, title: 'Redis is loading, or busy with another child process' },
  REDIS_REFUSED: { exit: 12, retryable: false, title: 'Redis answered a command with an error' },
  REPLICATION_INTERRUPTED: { exit: 13, retryable: true, title: 'The replication stream ended before the snapshot was whole' },
  REPLICATION_PROTOCOL: { exit: 13, retryable: false, title: 'The server spoke another replication protocol than expected' },
  BGSAVE_FAILED: { exit: 14, retryable: true, title: 'BGSAVE was refused, failed, or left an old file' },
  CLOCK_SKEW: { exit: 15, retryable: false, title: "The server's clock and ours are more than 2 s apart" },
  TARGET_DOUBTFUL: {
    exit: 16,
    retryable: false,
    title: 'The Redis there may be another one than the backups were taken from',
  },

  // 20-29: what is in a backup
  BACKUP_MISSING: { exit: 20, retryable: false, title: 'There is no such backup' },
  RDB_CHECKSUM_MISMATCH: { exit: 21, retryable: true, title: 'The RDB does not match its own CRC64' },
  RDB_MALFORMED: { exit: 21, retryable: true, title: 'The RDB is cut short or damaged' },
  RDB_FOREIGN: { exit: 21, retryable: false, title: 'The file is not an RDB' },
  BACKUP_CORRUPT: { exit: 22, retryable: false, title: 'The stored bytes are not the bytes that were backed up' },
  MANIFEST_INVALID: { exit: 23, retryable: false, title: 'The manifest is damaged or was made by something else' },
  MANIFEST_VERSION_UNKNOWN: {
    exit: 23,
    retryable: false,
    title: 'The manifest has a format version that this software does not know',
  },
  BACKUP_ENCRYPTED: { exit: 23, retryable: false, title: 'The backup is encrypted in a way that this software does not know' },

  ARCHIVE_GAP: { exit: 24, retryable: false, title: 'The continuous log has a gap where it is needed' },
  ARCHIVE_CORRUPT: { exit: 24, retryable: false, title: 'A segment of the continuous log is damaged, or not the one expected' },
  LOG_FOREIGN_COMMAND: { exit: 25, retryable: false, title: 'The log has a command that is no known write command' },
  LOG_MALFORMED: { exit: 25, retryable: false, title: 'The log is cut short or damaged' },
  LOG_REFUSED: { exit: 25, retryable: false, title: 'Redis refuses a command of the log that it was given' },

  // 30-39: the repository
  STORE_UNREACHABLE: { exit: 30, retryable: true, title: 'The object store does not answer' },
  STORE_DENIED: { exit: 31, retryable: false, title: 'The object store refuses the credentials or the operation' },
  STORE_MISSING: { exit: 32, retryable: false, title: 'The bucket or directory does not exist' },
  OBJECT_MISSING: { exit: 33, retryable: false, title: 'There is no such object' },
  OBJECT_EXISTS: { exit: 33, retryable: false, title: 'The object exists already; objects are never overwritten' },
  OBJECT_CORRUPT: { exit: 34, retryable: true, title: 'Bytes changed on the way to or from the object store' },
  STORE_FULL: { exit: 35, retryable: true, title: 'The store has no space left' },
  STORE_UNFIT: { exit: 36, retryable: false, title: 'The store lacks something that safe backups need' },
  STORE_NOT_S3: { exit: 38, retryable: true, title: 'What answers in place of the object store is no S3 server' },
  STORE_UNPROVEN: { exit: 39, retryable: true, title: 'The store does not prove that it has what it was given' },

  REPOSITORY_FOREIGN: {
    exit: 37,
    retryable: false,
    title: 'The backups under this name are those of another Redis or deployment',
  },

  // 40-49: a restore
  RESTORE_REFUSED: { exit: 40, retryable: false, title: 'The plan has something that forbids the restore' },
  RESTORE_LOSS: { exit: 40, retryable: false, title: 'Much less would be there than before, and nobody has accepted that' },
  CONFIG_UNSTARTABLE: { exit: 40, retryable: false, title: 'Redis would not start again with its own redis.conf' },
  PLAN_CHANGED: { exit: 41, retryable: false, title: 'The plan is not the one that was approved' },
  TARGET_IDENTITY: { exit: 42, retryable: false, title: 'The Redis found there is another one than named' },
  TARGET_DISK_FULL: { exit: 43, retryable: false, title: 'The target directory has no space left' },
  TARGET_DENIED: { exit: 43, retryable: false, title: 'The worker may not write in the target directory' },
  DATA_DIRECTORY: { exit: 49, retryable: false, title: 'The data directory is not as redis-backup left it' },
  DATA_DIRECTORY_BUSY: { exit: 49, retryable: true, title: 'Another worker is changing the data directory' },
  STOP_FAILED: { exit: 44, retryable: false, title: 'Redis did not stop' },
  START_FAILED: { exit: 45, retryable: false, title: 'Redis did not start' },
  COUNT_MISMATCH: { exit: 46, retryable: false, title: 'The restored Redis does not hold the keys of the backup' },
  APPLICATIONS_UNCONNECTED: { exit: 47, retryable: false, title: 'Applications do not reach the restored Redis' },

  LIVE_FAILED: { exit: 65, retryable: false, title: 'Redis did not take over the data of a live restore' },
  PUT_BACK: { exit: 66, retryable: false, title: 'The old data is back; Redis runs with it, and does not let us in' },
  OLD_DATA_MISSING: {
    exit: 67,
    retryable: false,
    title: 'All is put back, and Redis serves less than it had before it was stopped',
  },
  ARCHIVER_REPLACED: { exit: 56, retryable: false, title: 'Another archiver has taken over this instance' },

  // 50-59: operations
  LOCKED: { exit: 50, retryable: false, title: 'Another operation holds the lock of this instance' },
  LOCK_LOST: { exit: 51, retryable: false, title: 'This run is not, or no longer, the holder of the lock' },
  CANCELLED: { exit: 52, retryable: false, title: 'The operation was cancelled' },
  PLATFORM_UNSUPPORTED: { exit: 53, retryable: false, title: 'This platform cannot do that' },
  PLACE_UNREACHABLE: { exit: 54, retryable: false, title: 'No worker answers, or none at that place' },
  RESTART_TOO_SOON: { exit: 57, retryable: false, title: 'A recovery has restarted this Redis a short while ago' },
  TEMPORAL_UNREACHABLE: { exit: 55, retryable: true, title: 'Temporal does not answer' },
  TEMPORAL_FORGOT: { exit: 55, retryable: false, title: 'Temporal no longer knows the operation, or its namespace' },
  DEPLOYMENT_DIFFERS: {
    exit: 64,
    retryable: true,
    title: 'Another configuration means another Redis or repository by that name',
  },
  KUBERNETES_UNREACHABLE: { exit: 68, retryable: true, title: 'The API server of Kubernetes does not answer' },
  KUBERNETES_DENIED: { exit: 69, retryable: false, title: 'Kubernetes does not let the worker do that' },
  KUBERNETES_MISSING: { exit: 69, retryable: false, title: 'Kubernetes has no such object' },
  KUBERNETES_CONFLICT: { exit: 48, retryable: false, title: 'Somebody else changes the same object of Kubernetes' },
  KUBERNETES_REFUSED: { exit: 69, retryable: false, title: 'Kubernetes refuses what it was asked for' },
  NEEDS_PERSON: { exit: 63, retryable: false, title: 'What an operation changed could not be put back; it is tried on and on' },
  NOT_RECOVERED: { exit: 58, retryable: false, title: 'The recovery has ended, and Redis needs a person' },
  MERGE_INCOMPLETE: { exit: 59, retryable: false, title: 'Less stands in Redis than was to be brought back' },
  DETACHED: { exit: 130, retryable: false, title: 'Ctrl-C: the command no longer follows the operation, which goes on' },

  // 60-69: findings of check and status
  CHECK_FAILED: { exit: 60, retryable: false, title: 'Something that backups or restores need is not as it must be' },
  BACKUP_STALE: { exit: 61, retryable: false, title: 'The last good backup is too old' },
  BACKUP_NONE: { exit: 62, retryable: false, title: 'There is no good backup' },

  // 70: our own fault
  INTERNAL: { exit: 70, retryable: false, title: 'A fault in redis-backup itself' },
} as const satisfies Record<string, { exit: number; retryable: boolean; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a stable code, what happened to which instance, and what to do next. Never holds a secret. */
export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
  readonly code: ErrorCode;
  /** What to do now, as one sentence. */
  readonly next: string;

  constructor(code: ErrorCode, message: string, { next, cause }: { next: string; cause?: unknown }) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.next = next;
  }
}

/** Whether something that was thrown is ours, and says one of these. */
export const hasCode = (error: unknown, ...codes: ErrorCode[]): error is RecoveryError =>
  error instanceof RecoveryError && codes.includes(error.code);

/** The text of anything that was thrown, without its stack. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
