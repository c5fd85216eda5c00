import { randomUUID } from 'node:crypto';
import type { SnapshotManifest } from '../model/manifest.ts';
import {
  instancePrefix,
  manifestKey,
  probeKey,
  SNAPSHOT_FILE,
  type SnapshotRef,
  snapshotKey,
  snapshotPrefix,
  snapshotsPrefix,
} from './layout.ts';
import { checkManifest, formatManifest, parseManifest } from './manifest.ts';
import { type ManifestKind, type ManifestProblem, Manifests } from './manifests.ts';
import { type Pin, readPins, writePin } from './pins.ts';
import { probeFence, probeWrites } from './probe-writes.ts';
import { textBody } from './small-objects.ts';
import {
  offsetFrom,
  openCompressed,
  type ReadOptions,
  storeCompressed,
  verifyWhole,
  type WriteOptions,
} from './stored-object.ts';
import type { ObjectStore } from './stores/object-store.ts';
import { type SweepOptions, type SweptObject, sweep } from './sweep.ts';

export type { SnapshotRef } from './layout.ts';
export type { ManifestProblem } from './manifests.ts';
export type { Pin } from './pins.ts';
export type { ReadOptions, WriteOptions } from './stored-object.ts';
export type { SweptObject } from './sweep.ts';

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

const FENCE_MS = 3_600_000;

/** Backups at rest: what stands in docs/repository-format.md, over any store. */
export class Repository {
  readonly store: ObjectStore;
  readonly #manifests: Manifests<SnapshotManifest>;
  #fence: { atMs: number; probed: Promise<void> } | undefined;

  constructor(store: ObjectStore) {
    this.store = store;
    this.#manifests = new Manifests(store, KIND);
  }

  /**
   * Compresses and stores one RDB. It is no backup before its manifest is published.
   * Memory: under 80 MiB, whatever the size. A retry needs another `backupId`: objects are never overwritten.
   * @throws RecoveryError `OBJECT_EXISTS`, those of the store, and what the RDB throws
   */
  async writeSnapshot(ref: SnapshotRef, rdb: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<StoredObject> {
    const digest = await storeCompressed(this.store, snapshotKey(ref), rdb, options);
    return { file: SNAPSHOT_FILE, bytes: digest.bytes, sha256: digest.sha256, compression: 'zstd' };
  }

  /** Proves that the store has the whole object. @throws RecoveryError `OBJECT_MISSING` or `BACKUP_CORRUPT` */
  async verifyStored(ref: SnapshotRef, stored: StoredObject): Promise<void> {
    await verifyWhole(this.store, snapshotKey(ref, stored.file), stored.bytes);
  }

  /**
   * Makes a snapshot exist: writes its manifest, the last object of it. Safe to repeat with the same manifest.
   * @throws RecoveryError `OBJECT_EXISTS` if another manifest is there, and all that verifyStored throws
   */
  publish(manifest: SnapshotManifest): Promise<void> {
    return this.#manifests.publish(manifest, () => this.verifyStored(manifest, manifest.stored));
  }

  /** @throws RecoveryError `BACKUP_MISSING`, `MANIFEST_INVALID`, `MANIFEST_VERSION_UNKNOWN`; `BACKUP_CORRUPT` if its RDB is gone or cut */
  readManifest(ref: SnapshotRef): Promise<SnapshotManifest> {
    return this.#manifests.read(ref);
  }

  /** Is there anything under this id, a manifest or the remains of an upload? Then a new backup needs another. */
  isTaken(ref: SnapshotRef): Promise<boolean> {
    return this.#manifests.isTaken(ref);
  }

  /** Stores a new snapshot under an id that nobody else gets: see `Manifests.withClaim`. */
  withClaim<T>(place: Omit<SnapshotRef, 'backupId'>, takenAtMs: number, store: (ref: SnapshotRef) => Promise<T>): Promise<T> {
    return this.#manifests.withClaim(place, takenAtMs, store);
  }

  /** Whole snapshots, oldest first. What has no manifest isn't there; what can't be used is in `listWithProblems`. */
  async list(instance: string, shard = '0'): Promise<SnapshotManifest[]> {
    return (await this.listWithProblems(instance, shard)).manifests;
  }

  /** The same, and those that can't be used: the manifest is bad, or the RDB is gone or has another size. Throws what the store throws: an unread list is no empty list. */
  listWithProblems(instance: string, shard = '0'): Promise<{ manifests: SnapshotManifest[]; problems: ManifestProblem[] }> {
    return this.#manifests.list(instance, shard);
  }

  /** Every shard of an instance that has something in the repository. */
  async shards(instance: string): Promise<string[]> {
    return this.store.listNames(instancePrefix(instance));
  }

  /**
   * The RDB as Redis wrote it. Nothing of it may be used before the end: only there is it known to be the right one.
   * @throws RecoveryError `BACKUP_CORRUPT` after the last byte at the latest, `OBJECT_MISSING` before the first
   */
  async *openSnapshot(manifest: SnapshotManifest, options: ReadOptions = {}): AsyncGenerator<Buffer> {
    const { stored, rdb } = manifest;
    yield* openCompressed(this.store, snapshotKey(manifest, stored.file), { stored, rawBytes: rdb.bytes }, options);
  }

  /** Safe to repeat. The manifest goes first: a delete that dies half way leaves remains, never a backup without data. */
  deleteSnapshot(ref: SnapshotRef): Promise<void> {
    return this.#manifests.delete(ref);
  }

  /** Keeps a snapshot from retention until `untilMs`, because a plan names it. The last pin of one plan holds. */
  pin(ref: SnapshotRef, pin: { planId: string; untilMs: number; reason: string }): Promise<void> {
    return writePin(this.store, ref, pin);
  }

  /**
   * The store's clock minus ours, milliseconds, as the time of a small object tells it that is written for this and deleted.
   * @throws RecoveryError those of the store
   */
  async clockOffsetMs(now: () => number): Promise<number> {
    const key = probeKey(randomUUID());
    const beganMs = now();
    await this.store.put(key, textBody(key), { ifAbsent: true });
    const endedMs = now();
    const { modifiedAtMs = 0 } = (await this.store.head(key)) ?? {};
    await this.store.delete(key);
    return offsetFrom(modifiedAtMs, { beganMs, endedMs });
  }

  /** All pins, those that have ended too: compare `untilMs`. */
  pins(instance: string, shard = '0'): Promise<Pin[]> {
    return readPins(this.store, instance, shard);
  }

  /** Removes what dead writers left: snapshots without a manifest, unfinished uploads, pins that have ended. */
  sweep(instance: string, shard: string, options: SweepOptions): Promise<SweptObject[]> {
    return sweep(this.store, instance, shard, options);
  }

  /**
   * Writes, reads, lists and deletes a small object, and sees an overwrite refused.
   * @throws RecoveryError those of the store, and `STORE_UNFIT`
   */
  probeWritable(): Promise<void> {
    return probeWrites(this.store);
  }

  /**
   * What every job that writes leans on, asked when it starts: a store that overwrites mixes two writers up without a word.
   * Asked once an hour.
   * @throws RecoveryError as `probeWritable`
   */
  async requireFence(nowMs: number): Promise<void> {
    if (this.#fence && nowMs - this.#fence.atMs < FENCE_MS) return this.#fence.probed;
    const probed = probeFence(this.store);
    const fence = { atMs: nowMs, probed };
    this.#fence = fence;
    await probed.catch((error) => {
      if (this.#fence === fence) this.#fence = undefined;
      throw error;
    });
  }

  close(): void {
    this.store.close();
  }
}
