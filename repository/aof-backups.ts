import type { AofManifest, StoredAofFile } from '../model/aof-manifest.ts';
import { RecoveryError } from '../model/errors.ts';
import { type AofBackupRef, aofBackupPrefix, aofBackupsPrefix, aofFileKey, aofManifestKey, aofObjectName } from './aof-layout.ts';
import { checkAofBackupManifest, formatAofBackupManifest, parseAofBackupManifest } from './aof-manifest.ts';
import { type ManifestKind, type ManifestProblem, Manifests } from './manifests.ts';
import { openCompressed, type ReadOptions, storeCompressed, verifyWhole, type WriteOptions } from './stored-object.ts';
import type { ObjectStore } from './stores/object-store.ts';

export type { AofBackupRef } from './aof-layout.ts';

const KIND: ManifestKind<AofManifest> = {
  what: 'AOF backup',
  allPrefix: aofBackupsPrefix,
  prefix: aofBackupPrefix,
  key: aofManifestKey,
  format: (manifest) => formatAofBackupManifest(checkAofBackupManifest(manifest)),
  parse: parseAofBackupManifest,
  objects: (manifest) => manifest.files.map(({ stored }) => ({ key: aofFileKey(manifest, stored.file), bytes: stored.bytes })),
};

/** Copies of append-only logs at rest: what stands in docs/repository-format.md, over any store. */
export class AofBackups {
  readonly store: ObjectStore;
  readonly #manifests: Manifests<AofManifest>;

  constructor(store: ObjectStore) {
    this.store = store;
    this.#manifests = new Manifests(store, KIND);
  }

  /**
   * Compresses and stores one file of a log. There is no backup before its manifest is published.
   * A retry needs another `backupId`: objects are never overwritten.
   * @throws RecoveryError `OBJECT_EXISTS`, those of the store, and what the body throws
   */
  async writeFile(
    ref: AofBackupRef,
    file: Pick<StoredAofFile, 'name' | 'type' | 'seq'>,
    body: AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<StoredAofFile['stored']> {
    const object = aofObjectName(file);
    const { bytes, sha256 } = await storeCompressed(this.store, aofFileKey(ref, object), body, options);
    return { file: object, bytes, sha256, compression: 'zstd' };
  }

  /**
   * Makes a backup exist: writes its manifest, the last object of it. Safe to repeat with the same manifest.
   * @throws RecoveryError `OBJECT_EXISTS` if another manifest is there; `OBJECT_MISSING` or `BACKUP_CORRUPT` if a file is not whole
   */
  publish(manifest: AofManifest): Promise<void> {
    return this.#manifests.publish(manifest, async () => {
      for (const { stored } of manifest.files) await verifyWhole(this.store, aofFileKey(manifest, stored.file), stored.bytes);
    });
  }

  /** @throws RecoveryError `BACKUP_MISSING`, `MANIFEST_INVALID`, `MANIFEST_VERSION_UNKNOWN`; `BACKUP_CORRUPT` if a file of it is gone or cut */
  readManifest(ref: AofBackupRef): Promise<AofManifest> {
    return this.#manifests.read(ref);
  }

  /** Is there anything under this id, a manifest or the remains of an upload? Then a new backup needs another. */
  isTaken(ref: AofBackupRef): Promise<boolean> {
    return this.#manifests.isTaken(ref);
  }

  /** Stores a new backup under an id that nobody else gets: see `Manifests.withClaim`. */
  withClaim<T>(place: Omit<AofBackupRef, 'backupId'>, takenAtMs: number, store: (ref: AofBackupRef) => Promise<T>): Promise<T> {
    return this.#manifests.withClaim(place, takenAtMs, store);
  }

  /** Whole backups, oldest first. What has no manifest isn't there; what can't be used is in `listWithProblems`. */
  async list(instance: string, shard = '0'): Promise<AofManifest[]> {
    return (await this.listWithProblems(instance, shard)).manifests;
  }

  /** The same, and those that can't be used: the manifest is bad, or a file is gone or has another size. Throws what the store throws: an unread list is no empty list. */
  listWithProblems(instance: string, shard = '0'): Promise<{ manifests: AofManifest[]; problems: ManifestProblem[] }> {
    return this.#manifests.list(instance, shard);
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
    yield* openCompressed(this.store, aofFileKey(manifest, file.stored.file), wanted, options);
  }

  /** Safe to repeat. The manifest goes first: a delete that dies half way leaves remains, never a backup without data. */
  delete(ref: AofBackupRef): Promise<void> {
    return this.#manifests.delete(ref);
  }
}
