import { RecoveryError } from '../model/errors.ts';
import { timeOfBackupId } from '../model/instance.ts';
import { isFileName, type SnapshotRef, shardPrefix } from './layout.ts';

/** One AOF backup: the folder that its manifest and its files lie in. */
export type AofBackupRef = SnapshotRef;

export const aofBackupsPrefix = (instance: string, shard: string): string => `${shardPrefix(instance, shard)}aof/`;

export function aofBackupPrefix({ instance, shard, backupId }: AofBackupRef): string {
  timeOfBackupId(backupId); // throws
  return `${aofBackupsPrefix(instance, shard)}${backupId}/`;
}

export const aofManifestKey = (ref: AofBackupRef): string => `${aofBackupPrefix(ref)}manifest.json`;

export function aofFileKey(ref: AofBackupRef, file: string): string {
  if (isFileName(file)) return aofBackupPrefix(ref) + file;
  throw new RecoveryError('INPUT_INVALID', `${JSON.stringify(file.slice(0, 100))} is no name of a file`, {
    next: 'Use another backup: this manifest was tampered with.',
  });
}

/** The object for a file of Redis: its own name where an object can have it, else what it is. */
export function aofObjectName({ name, type, seq }: { name: string; type: string; seq: number }): string {
  const own = `${name}.zst`;
  return isFileName(own) ? own : `${type}-${seq}.zst`;
}
