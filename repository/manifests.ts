import { randomUUID } from 'node:crypto';
import { hasCode, RecoveryError } from '../model/errors.ts';
import { backupIdAt } from '../model/instance.ts';
import { CLAIM_FILE, isBackupId, type SnapshotRef } from './layout.ts';
import { LARGEST_MANIFEST_BYTES } from './manifest.ts';
import { inParallel } from './parallel.ts';
import { readText, textBody } from './small-objects.ts';
import type { ObjectStore } from './stores/object-store.ts';

export interface ManifestProblem {
  backupId: string;
  error: RecoveryError;
}

/** What one kind of backup has of its own. */
export interface ManifestKind<M> {
  /** What it is called: `backup`. */
  what: string;
  /** Under which all of an instance lie, one of them, and its manifest. */
  allPrefix(instance: string, shard: string): string;
  prefix(ref: SnapshotRef): string;
  key(ref: SnapshotRef): string;
  /** @throws RecoveryError `MANIFEST_INVALID` for one that must not be written */
  format(manifest: M): string;
  /** @throws RecoveryError `MANIFEST_INVALID`, `MANIFEST_VERSION_UNKNOWN` */
  parse(text: string, ref: SnapshotRef, where: string): M;
  /** What lies beside the manifest, as the manifest says. */
  objects(manifest: M): { key: string; bytes: number }[];
}

/** Manifests read at once by a listing. */
const READS_AT_ONCE = 16;

/** Backups exist by their manifests: written last, deleted first. */
export class Manifests<M extends SnapshotRef> {
  readonly #store: ObjectStore;
  readonly #kind: ManifestKind<M>;

  constructor(store: ObjectStore, kind: ManifestKind<M>) {
    this.#store = store;
    this.#kind = kind;
  }

  /**
   * Makes a backup exist, of which everything else is there. Safe to repeat with the same manifest.
   * @param verify - proves that everything else is there: a manifest never names what isn't
   * @throws RecoveryError `OBJECT_EXISTS` if another manifest is there; `MANIFEST_INVALID`; what `verify` throws
   */
  async publish(manifest: M, verify: () => Promise<void>): Promise<void> {
    const text = this.#kind.format(manifest);
    await verify();
    const key = this.#kind.key(manifest);
    try {
      await this.#store.put(key, textBody(text), { ifAbsent: true });
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
      if ((await readText(this.#store, key, LARGEST_MANIFEST_BYTES)) !== text) throw error;
    }
  }

  /** @throws RecoveryError `BACKUP_MISSING`, `MANIFEST_INVALID`, `MANIFEST_VERSION_UNKNOWN`; `BACKUP_CORRUPT` if an object of it is gone or cut */
  async read(ref: SnapshotRef): Promise<M> {
    const found = await this.#find(ref);
    const whole = found && (await this.#proven(found));
    if (whole) return whole;
    throw new RecoveryError('BACKUP_MISSING', `${this.#store.url} has no ${this.#kind.what} ${ref.backupId} of ${ref.instance}`, {
      next: `Choose one from \`redis-backup list ${ref.instance}\`.`,
    });
  }

  /** Is there anything under this id, a manifest or the remains of an upload? Then a new backup needs another. */
  async isTaken(ref: SnapshotRef): Promise<boolean> {
    for await (const _ of this.#store.list(this.#kind.prefix(ref))) return true;
    return false;
  }

  /**
   * Stores a new backup under an id that nobody else gets. What a failure, or a cancellation, leaves under it is deleted; what
   * cannot be is swept after a day.
   * @param atMs - when it was taken; the id says it, or the next second that is free
   */
  async withClaim<T>(place: Omit<SnapshotRef, 'backupId'>, atMs: number, store: (ref: SnapshotRef) => Promise<T>): Promise<T> {
    const ref = await this.#claim(place, atMs);
    try {
      return await store(ref);
    } catch (error) {
      await this.delete(ref).catch(() => undefined); // the store may be what has failed
      throw error;
    }
  }

  /**
   * The id of a new backup: the second that it was taken in, or the next that is free. It is ours from now on, whoever else
   * asks: the claim is written before anything else, and only where there is none.
   */
  async #claim({ instance, shard }: Omit<SnapshotRef, 'backupId'>, atMs: number): Promise<SnapshotRef> {
    for (let ms = atMs; ; ms += 1000) {
      const ref = { instance, shard, backupId: backupIdAt(ms) };
      if (await this.isTaken(ref)) continue;
      try {
        await this.#store.put(this.#kind.prefix(ref) + CLAIM_FILE, textBody(`${randomUUID()}\n`), { ifAbsent: true });
        return ref;
      } catch (error) {
        if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
      }
    }
  }

  /**
   * Oldest first, and the backups that can't be used: by their manifest, or because the store lists an object that it names
   * with another size or not at all. Throws what the store throws: an unread list is no empty list.
   */
  async list(instance: string, shard: string): Promise<{ manifests: M[]; problems: ManifestProblem[] }> {
    const sizes = await this.#sizes(this.#kind.allPrefix(instance, shard));
    const ids = this.#idsIn(sizes, { instance, shard });
    const problems: ManifestProblem[] = [];
    const manifests = await inParallel(ids, READS_AT_ONCE, async (backupId) => {
      try {
        const found = await this.#find({ instance, shard, backupId });
        const isWhole = found && this.#kind.objects(found).every(({ key, bytes }) => sizes.get(key) === bytes);
        return found && !isWhole ? await this.#proven(found) : found;
      } catch (error) {
        if (!hasCode(error, 'MANIFEST_INVALID', 'MANIFEST_VERSION_UNKNOWN', 'BACKUP_CORRUPT')) throw error;
        problems.push({ backupId, error });
        return undefined;
      }
    });
    problems.sort((a, b) => (a.backupId < b.backupId ? -1 : 1));
    return { manifests: manifests.filter((manifest) => manifest !== undefined), problems };
  }

  /** Safe to repeat. The manifest goes first: a delete that dies half way leaves remains, never a backup without data. */
  async delete(ref: SnapshotRef): Promise<void> {
    await this.#store.delete(this.#kind.key(ref));
    for await (const { key } of this.#store.list(this.#kind.prefix(ref))) await this.#store.delete(key);
  }

  async #sizes(prefix: string): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    for await (const { key, sizeBytes } of this.#store.list(prefix)) sizes.set(key, sizeBytes);
    return sizes;
  }

  /** Of the backups that have a manifest, in the order of their time: an id sorts as that does. */
  #idsIn(sizes: ReadonlyMap<string, number>, place: Omit<SnapshotRef, 'backupId'>): string[] {
    const { length } = this.#kind.allPrefix(place.instance, place.shard);
    const folders = new Set([...sizes.keys()].map((key) => key.slice(length, key.indexOf('/', length))));
    return [...folders]
      .filter((folder) => isBackupId(folder) && sizes.has(this.#kind.key({ ...place, backupId: folder })))
      .sort();
  }

  /**
   * Asks for each object by itself: a list takes time, in which a backup may be published or deleted.
   * @returns undefined for one that has been deleted meanwhile: its manifest went first
   * @throws RecoveryError `BACKUP_CORRUPT`
   */
  async #proven(manifest: M): Promise<M | undefined> {
    for (const { key, bytes } of this.#kind.objects(manifest)) {
      const found = await this.#store.head(key);
      if (found?.sizeBytes === bytes) continue;
      if ((await this.#find(manifest)) === undefined) return undefined;
      const why = found
        ? `has ${found.sizeBytes} bytes, the manifest says ${bytes}`
        : 'is not in the store, and the manifest names it';
      throw new RecoveryError('BACKUP_CORRUPT', `${this.#store.url}/${key} ${why}`, {
        next: 'Restore another backup, and find out what changes objects in this store.',
      });
    }
    return manifest;
  }

  async #find(ref: SnapshotRef): Promise<M | undefined> {
    const key = this.#kind.key(ref);
    const text = await readText(this.#store, key, LARGEST_MANIFEST_BYTES);
    return text === undefined ? undefined : this.#kind.parse(text, ref, `${this.#store.url}/${key}`);
  }
}
