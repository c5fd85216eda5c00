/** The workflow types that a worker offers, by the names that people start them with. */
export { applyRetention } from './apply-retention.ts';
export { archiveContinuously } from './archive-continuously.ts';
export { backupAof } from './backup-aof.ts';
export { backupSnapshot } from './backup-snapshot.ts';
export { examineStore } from './examine-store.ts';
export { examinePlace, foreseeRefusals } from './examine-worker.ts';
export { instanceLock } from './lock/instance-lock.ts';
export { mergeFromBackup } from './merge-from-backup.ts';
export { recoverRedis } from './recover-redis.ts';
export { restoreFromAof, restoreFromRdb } from './restore-from-rdb.ts';
export { watchRedis } from './watch-redis.ts';
