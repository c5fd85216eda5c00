import type { AofManifest } from './aof-manifest.ts';

/** Result of `backupAof`. Its input is that of `backupSnapshot`. */
export type AofBackupResult =
  | { outcome: 'stored'; instance: string; backup: StoredAofBackup }
  | { outcome: 'skipped'; instance: string; skippedBecause: string };

/** One stored log, as a person wants to see it. */
export interface StoredAofBackup {
  backupId: string;
  shard: string;
  form: AofManifest['form'];
  files: number;
  /** Of all files, unpacked. */
  bytes: number;
  storedBytes: number;
  /** Of its base; absent where it begins with no RDB. */
  keysInBase?: number;
  seconds: number;
}

export const aofBytes = ({ files }: AofManifest): number => files.reduce((sum, { bytes }) => sum + bytes, 0);
export const aofStoredBytes = ({ files }: AofManifest): number => files.reduce((sum, { stored }) => sum + stored.bytes, 0);

export const toStoredAof = (manifest: AofManifest, seconds: number): StoredAofBackup => ({
  backupId: manifest.backupId,
  shard: manifest.shard,
  form: manifest.form,
  files: manifest.files.length,
  bytes: aofBytes(manifest),
  storedBytes: aofStoredBytes(manifest),
  ...(manifest.base ? { keysInBase: manifest.base.rdb.keys } : {}),
  seconds,
});
