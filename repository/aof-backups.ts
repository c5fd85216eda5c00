import type { AofManifest, StoredAofFile } from '../model/backup/aof-manifest.ts';
import { RecoveryError } from '../model/errors.ts';
import type { ShardRef } from '../model/shard.ts';
import { aofBackupPrefix, aofBackupsPrefix, aofFileKey, aofManifestKey, aofObjectName } from './aof-layout.ts';
import { checkAofBackupManifest, formatAofBackupManifest, parseAofBackupManifest } from './aof-manifest.ts';
import { Backups, type ManifestKind } from './backups.ts';
import type { BackupRef } from './layout.ts';
import { openEncoded, type ReadOptions, storeEncoded, type WriteOptions } from './stored-object.ts';
import type { ObjectStore } from './stores/object-store.ts';

const KIND: ManifestKind<AofManifest> = {
  what: 'AOF backup',
  allPrefix: aofBackupsPrefix,
  prefix: aofBackupPrefix,
  key: aofManifestKey,
  format: (manifest) => formatAofBackupManifest(checkAofBackupManifest(manifest)),
  parse: parseAofBackupManifest,
  objects: (manifest) => manifest.files.map(({ stored }) => ({ key: aofFileKey(manifest, stored.file), bytes: stored.bytes })),
};

/** The copies of the append-only log of one shard. */
export class AofBackups extends Backups<AofManifest> {
  constructor(store: ObjectStore, of: ShardRef) {
    super(store, of, KIND);
  }

  /**
   * Compresses and stores one file of a log. There is no backup before its manifest is published.
   * A retry needs another `backupId`: objects are never overwritten.
   * @throws RecoveryError `OBJECT_EXISTS`, those of the store, and what the body throws
   */
  async writeFile(
    ref: BackupRef,
    file: Pick<StoredAofFile, 'name' | 'type' | 'seq'>,
    body: AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<StoredAofFile['stored']> {
    const object = aofObjectName(file);
    return { file: object, ...(await storeEncoded(this.store, aofFileKey(ref, object), body, options)) };
  }

  /**
   * One file as it was copied. Nothing of it may be used before the end: only there is it known to be the right one.
   * @param name - as Redis calls it
   * @throws RecoveryError `BACKUP_CORRUPT` after the last byte at the latest, `OBJECT_MISSING` before the first; `INPUT_INVALID`
   *   for a file that the backup does not have
   */
  async *openFile(manifest: AofManifest, name: string, options: ReadOptions = {}): AsyncGenerator<Buffer> {
    const file = manifest.files.find((one) => one.name === name);
    if (!file) {
      throw new RecoveryError('INPUT_INVALID', `AOF backup ${manifest.backupId} has no file ${JSON.stringify(name)}`, {
        next: 'Its manifest lists the files that it has.',
      });
    }
    const wanted = { stored: file.stored, rawBytes: file.bytes };
    yield* openEncoded(this.store, aofFileKey(manifest, file.stored.file), wanted, options);
  }
}
