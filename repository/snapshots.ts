import type { SnapshotManifest } from '../model/backup/manifest.ts';
import type { ShardRef } from '../model/shard.ts';
import { Backups, type ManifestKind } from './backups.ts';
import { type BackupRef, manifestKey, SNAPSHOT_FILE, snapshotKey, snapshotPrefix, snapshotsPrefix } from './layout.ts';
import { checkManifest, formatManifest, parseManifest } from './manifest.ts';
import { openEncoded, type ReadOptions, storeEncoded, type WriteOptions } from './stored-object.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** The object of a snapshot, as its manifest names it. */
export type StoredObject = SnapshotManifest['stored'];

const KIND: ManifestKind<SnapshotManifest> = {
  what: 'backup',
  allPrefix: snapshotsPrefix,
  prefix: snapshotPrefix,
  key: manifestKey,
  format: (manifest) => formatManifest(checkManifest(manifest)),
  parse: parseManifest,
  objects: (manifest) => [{ key: snapshotKey(manifest, manifest.stored.file), bytes: manifest.stored.bytes }],
};

/** The RDBs of one shard. */
export class Snapshots extends Backups<SnapshotManifest> {
  constructor(store: ObjectStore, of: ShardRef) {
    super(store, of, KIND);
  }

  /**
   * Compresses and stores one RDB. It is no backup before its manifest is published.
   * Memory: under 80 MiB, whatever the size. A retry needs another `backupId`: objects are never overwritten.
   * @throws RecoveryError `OBJECT_EXISTS`, those of the store, and what the RDB throws
   */
  async write(ref: BackupRef, rdb: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<StoredObject> {
    return { file: SNAPSHOT_FILE, ...(await storeEncoded(this.store, snapshotKey(ref), rdb, options)) };
  }

  /**
   * The RDB as Redis wrote it. Nothing of it may be used before the end: only there is it known to be the right one.
   * @throws RecoveryError `BACKUP_CORRUPT` after the last byte at the latest, `OBJECT_MISSING` before the first
   */
  async *open(manifest: SnapshotManifest, options: ReadOptions = {}): AsyncGenerator<Buffer> {
    const { stored, rdb } = manifest;
    yield* openEncoded(this.store, snapshotKey(manifest, stored.file), { stored, rawBytes: rdb.bytes }, options);
  }
}
