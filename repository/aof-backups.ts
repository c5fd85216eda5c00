import type { AofManifest, StoredAofFile } from '../model/aof-manifest.ts';
import { RecoveryError } from '../model/errors.ts';
import { type AofBackupRef, aofBackupPrefix, aofBackupsPrefix, aofFileKey, aofManifestKey, aofObjectName } from './aof-layout.ts';
import { checkAofBackupManifest, formatAofBackupManifest, parseAofBackupManifest } from './aof-manifest.ts';
import { isBackupId } from './layout.ts';
import { LARGEST_MANIFEST_BYTES } from './manifest.ts';
import { inParallel } from './parallel.ts';
import { hasCode, readText, textBody } from './small-objects.ts';
import { openCompressed, type ReadOptions, storeCompressed, verifyWhole, type WriteOptions } from './stored-object.ts';
import type { ObjectStore } from './stores/object-store.ts';

export type { AofBackupRef } from './aof-layout.ts';

export interface AofManifestProblem {
  backupId: string;
  error: RecoveryError;
}

/** Manifests read at once by a listing. */
const READS_AT_ONCE = 16;

/** Copies of append-only logs at rest: what stands in docs/repository-format.md, over any store. */
export class AofBackups {
  readonly store: ObjectStore;

  constructor(store: ObjectStore) {
    this.store = store;
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
  async publish(manifest: AofManifest): Promise<void> {
    const text = formatAofBackupManifest(checkAofBackupManifest(manifest));
    // A manifest never names what isn't there.
    for (const { stored } of manifest.files) await verifyWhole(this.store, aofFileKey(manifest, stored.file), stored.bytes);
    try {
      await this.store.put(aofManifestKey(manifest), textBody(text), { ifAbsent: true });
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
      if ((await readText(this.store, aofManifestKey(manifest), LARGEST_MANIFEST_BYTES)) !== text) throw error;
    }
  }

  /** @throws RecoveryError `BACKUP_MISSING`, `MANIFEST_INVALID`, `MANIFEST_VERSION_UNKNOWN` */
  async readManifest(ref: AofBackupRef): Promise<AofManifest> {
    const found = await this.#manifest(ref);
    if (found) return found;
    throw new RecoveryError('BACKUP_MISSING', `${this.store.url} has no AOF backup ${ref.backupId} of ${ref.instance}`, {
      next: `Choose one from \`redis-backup list ${ref.instance}\`.`,
    });
  }

  /** Is there anything under this id, a manifest or the remains of an upload? Then a new backup needs another. */
  async isTaken(ref: AofBackupRef): Promise<boolean> {
    for await (const _ of this.store.list(aofBackupPrefix(ref))) return true;
    return false;
  }

  /** Whole backups, oldest first. What has no manifest isn't there; what has a bad one is in `listWithProblems`. */
  async list(instance: string, shard = '0'): Promise<AofManifest[]> {
    return (await this.listWithProblems(instance, shard)).manifests;
  }

  /** The same, and the backups whose manifest can't be used. Throws what the store throws: an unread list is no empty list. */
  async listWithProblems(instance: string, shard = '0'): Promise<{ manifests: AofManifest[]; problems: AofManifestProblem[] }> {
    const names = await this.store.listNames(aofBackupsPrefix(instance, shard));
    const ids = names.filter(isBackupId).sort(); // an id sorts as its time does
    const problems: AofManifestProblem[] = [];
    const manifests = await inParallel(ids, READS_AT_ONCE, async (backupId) => {
      try {
        return await this.#manifest({ instance, shard, backupId });
      } catch (error) {
        if (!hasCode(error, 'MANIFEST_INVALID', 'MANIFEST_VERSION_UNKNOWN')) throw error;
        problems.push({ backupId, error });
        return undefined;
      }
    });
    problems.sort((a, b) => (a.backupId < b.backupId ? -1 : 1));
    return { manifests: manifests.filter((manifest) => manifest !== undefined), problems };
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
  async delete(ref: AofBackupRef): Promise<void> {
    await this.store.delete(aofManifestKey(ref));
    for await (const { key } of this.store.list(aofBackupPrefix(ref))) await this.store.delete(key);
  }

  async #manifest(ref: AofBackupRef): Promise<AofManifest | undefined> {
    const key = aofManifestKey(ref);
    const text = await readText(this.store, key, LARGEST_MANIFEST_BYTES);
    return text === undefined ? undefined : parseAofBackupManifest(text, ref, `${this.store.url}/${key}`);
  }
}
