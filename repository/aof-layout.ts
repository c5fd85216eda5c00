import { RecoveryError } from '../model/errors.ts';
import { timeOfBackupId } from '../model/instance.ts';
import type { ShardRef } from '../model/shard.ts';
import { type BackupRef, isFileName, shardPrefix } from './layout.ts';

export const aofBackupsPrefix = (of: ShardRef): string => `${shardPrefix(of)}aof/`;

export function aofBackupPrefix(ref: BackupRef): string {
  timeOfBackupId(ref.backupId); // throws
  return `${aofBackupsPrefix(ref)}${ref.backupId}/`;
}

export const aofManifestKey = (ref: BackupRef): string => `${aofBackupPrefix(ref)}manifest.json`;

export function aofFileKey(ref: BackupRef, file: string): string {
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
