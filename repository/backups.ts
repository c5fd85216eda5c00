import { randomUUID } from 'node:crypto';
import { hasCode, RecoveryError } from '../model/errors.ts';
import { backupIdAt } from '../model/instance.ts';
import type { ShardRef } from '../model/shard.ts';
import { type BackupRef, CLAIM_FILE, isValidBackupId } from './layout.ts';
import { LARGEST_MANIFEST_BYTES } from './manifest.ts';
import { inParallel } from './parallel.ts';
import { isOfNewer } from './readable.ts';
import { readText, textBody } from './small-objects.ts';
import { verifyWhole } from './stored-object.ts';
import type { ObjectStore } from './stores/object-store.ts';

export interface ManifestProblem {
  backupId: string;
  error: RecoveryError;
}

/** What one kind of backup has of its own. */
export interface ManifestKind<M> {
  /** What it is called: `backup`. */
  what: string;
  /** Under which all of a shard lie, one of them, and its manifest. */
  allPrefix(of: ShardRef): string;
  prefix(ref: BackupRef): string;
  key(ref: BackupRef): string;
  /** @throws RecoveryError `MANIFEST_INVALID` for one that must not be written */
  format(manifest: M): string;
  /** @throws RecoveryError `MANIFEST_INVALID`, `MANIFEST_VERSION_UNKNOWN`, `BACKUP_ENCRYPTED` */
  parse(text: string, ref: BackupRef, where: string): M;
  /** What lies beside the manifest, as the manifest says. */
  objects(manifest: M): { key: string; bytes: number }[];
}

/** Manifests read at once by a listing. */
const READS_AT_ONCE = 16;

/** The backups of one kind of one shard. They exist by their manifests: written last, deleted first. */
export class Backups<M extends BackupRef> {
  protected readonly store: ObjectStore;
  readonly #of: ShardRef;
  readonly #kind: ManifestKind<M>;

  constructor(store: ObjectStore, { instance, shard }: ShardRef, kind: ManifestKind<M>) {
    this.store = store;
    this.#of = { instance, shard };
    this.#kind = kind;
  }

  /**
   * Makes a backup exist: writes its manifest, the last object of it. Safe to repeat with the same manifest.
   * @throws RecoveryError `OBJECT_EXISTS` if another manifest is there; `MANIFEST_INVALID`; those of `verify`
   */
  async publish(manifest: M): Promise<void> {
    const text = this.#kind.format(manifest);
    await this.verify(manifest);
    const key = this.#kind.key(manifest);
    try {
      await this.store.put(key, textBody(text), { ifAbsent: true });
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
      if ((await readText(this.store, key, LARGEST_MANIFEST_BYTES)) !== text) throw error;
    }
  }

  /** Proves that the store has all that a manifest names. @throws RecoveryError `OBJECT_MISSING` or `BACKUP_CORRUPT` */
  async verify(manifest: M): Promise<void> {
    for (const { key, bytes } of this.#kind.objects(manifest)) await verifyWhole(this.store, key, bytes);
  }

  /** @throws RecoveryError `BACKUP_MISSING`, `MANIFEST_INVALID`, `MANIFEST_VERSION_UNKNOWN`, `BACKUP_ENCRYPTED`; `BACKUP_CORRUPT` if an object of it is gone or cut */
  async read(backupId: string): Promise<M> {
    const found = await this.#find(backupId);
    const whole = found && (await this.#proven(found));
    if (whole) return whole;
    const { instance } = this.#of;
    throw new RecoveryError('BACKUP_MISSING', `${this.store.url} has no ${this.#kind.what} ${backupId} of ${instance}`, {
      next: `Choose one from \`redis-backup list ${instance}\`.`,
    });
  }

  /** Is there anything under this id, a manifest or the remains of an upload? Then a new backup needs another. */
  async isTaken(backupId: string): Promise<boolean> {
    for await (const _ of this.store.list(this.#kind.prefix(this.#ref(backupId)))) return true;
    return false;
  }

  /**
   * Stores a new backup under an id that nobody else gets. What a failure, or a cancellation, leaves under it is deleted; what
   * cannot be is swept after a day.
   * @param atMs - when it was taken; the id says it, or the next second that is free
   */
  async withClaim<T>(atMs: number, store: (ref: BackupRef) => Promise<T>): Promise<T> {
    const ref = await this.#claim(atMs);
    try {
      return await store(ref);
    } catch (error) {
      await this.delete(ref.backupId).catch(() => undefined); // the store may be what has failed
      throw error;
    }
  }

  /**
   * The id of a new backup: the second that it was taken in, or the next that is free. It is ours from now on, whoever else
   * asks: the claim is written before anything else, and only where there is none.
   */
  async #claim(atMs: number): Promise<BackupRef> {
    for (let ms = atMs; ; ms += 1000) {
      const ref = this.#ref(backupIdAt(ms));
      if (await this.isTaken(ref.backupId)) continue;
      try {
        await this.store.put(this.#kind.prefix(ref) + CLAIM_FILE, textBody(`${randomUUID()}\n`), { ifAbsent: true });
        return ref;
      } catch (error) {
        if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
      }
    }
  }

  /** Whole backups, oldest first. What has no manifest isn't there; what can't be used is in `listWithProblems`. */
  async list(): Promise<M[]> {
    return (await this.listWithProblems()).manifests;
  }

  /**
   * The same, and the backups that can't be used: by their manifest, or because the store lists an object that it names
   * with another size or not at all. Throws what the store throws: an unread list is no empty list.
   */
  async listWithProblems(): Promise<{ manifests: M[]; problems: ManifestProblem[] }> {
    const sizes = await this.#sizes();
    const ids = this.#idsIn(sizes);
    const problems: ManifestProblem[] = [];
    const manifests = await inParallel(ids, READS_AT_ONCE, async (backupId) => {
      try {
        const found = await this.#find(backupId);
        const isWhole = found && this.#kind.objects(found).every(({ key, bytes }) => sizes.get(key) === bytes);
        return found && !isWhole ? await this.#proven(found) : found;
      } catch (error) {
        if (!isOfNewer(error) && !hasCode(error, 'MANIFEST_INVALID', 'BACKUP_CORRUPT')) throw error;
        problems.push({ backupId, error });
        return undefined;
      }
    });
    problems.sort((a, b) => (a.backupId < b.backupId ? -1 : 1));
    return { manifests: manifests.filter((manifest) => manifest !== undefined), problems };
  }

  /** Safe to repeat. The manifest goes first: a delete that dies half way leaves remains, never a backup without data. */
  async delete(backupId: string): Promise<void> {
    const ref = this.#ref(backupId);
    await this.store.delete(this.#kind.key(ref));
    for await (const { key } of this.store.list(this.#kind.prefix(ref))) await this.store.delete(key);
  }

  #ref(backupId: string): BackupRef {
    return { ...this.#of, backupId };
  }

  async #sizes(): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    for await (const { key, sizeBytes } of this.store.list(this.#kind.allPrefix(this.#of))) sizes.set(key, sizeBytes);
    return sizes;
  }

  /** Of the backups that have a manifest, in the order of their time: an id sorts as that does. */
  #idsIn(sizes: ReadonlyMap<string, number>): string[] {
    const { length } = this.#kind.allPrefix(this.#of);
    const folders = new Set([...sizes.keys()].map((key) => key.slice(length, key.indexOf('/', length))));
    return [...folders].filter((folder) => isValidBackupId(folder) && sizes.has(this.#kind.key(this.#ref(folder)))).sort();
  }

  /**
   * Asks for each object by itself: a list takes time, in which a backup may be published or deleted.
   * @returns undefined for one that has been deleted meanwhile: its manifest went first
   * @throws RecoveryError `BACKUP_CORRUPT`
   */
  async #proven(manifest: M): Promise<M | undefined> {
    for (const { key, bytes } of this.#kind.objects(manifest)) {
      const found = await this.store.head(key);
      if (found?.sizeBytes === bytes) continue;
      if ((await this.#find(manifest.backupId)) === undefined) return undefined;
      const why = found
        ? `has ${found.sizeBytes} bytes, the manifest says ${bytes}`
        : 'is not in the store, and the manifest names it';
      throw new RecoveryError('BACKUP_CORRUPT', `${this.store.url}/${key} ${why}`, {
        next: 'Restore another backup, and find out what changes objects in this store.',
      });
    }
    return manifest;
  }

  async #find(backupId: string): Promise<M | undefined> {
    const ref = this.#ref(backupId);
    const key = this.#kind.key(ref);
    const text = await readText(this.store, key, LARGEST_MANIFEST_BYTES);
    return text === undefined ? undefined : this.#kind.parse(text, ref, `${this.store.url}/${key}`);
  }
}
