import { randomUUID } from 'node:crypto';
import type { ShardRef } from '../model/shard.ts';
import { AofBackups } from './aof-backups.ts';
import { Archive } from './archive/archive.ts';
import type { ProveSegment } from './archive/prove.ts';
import { Baselines } from './baselines.ts';
import { instancePrefix, probeKey } from './layout.ts';
import { Ownership } from './owner.ts';
import { Pins } from './pins.ts';
import { probeFence, probeWrites } from './probe-writes.ts';
import { textBody } from './small-objects.ts';
import { Snapshots } from './snapshots.ts';
import { offsetFrom } from './stored-object.ts';
import type { ObjectStore } from './stores/object-store.ts';
import { openStore } from './stores/registry.ts';
import type { StoreSettings } from './stores/store-kind.ts';
import { type SweepOptions, type SweptObject, sweep } from './sweep.ts';

export type { StoreSettings } from './stores/store-kind.ts';

const FENCE_MS = 3_600_000;

/** Asks the store nothing: `probe()` says whether it is there. @throws RecoveryError `CONFIG_INVALID` for a URL of no store of ours */
export const openRepository = async (settings: StoreSettings): Promise<Repository> => new Repository(await openStore(settings));

/** Backups at rest: what stands in docs/repository-format.md, over any store. It hands out what one shard has of each kind. */
export class Repository {
  /** For whoever examines the store itself. Backups are had from the members below. */
  readonly store: ObjectStore;
  #fence: { atMs: number; probed: Promise<void> } | undefined;

  constructor(store: ObjectStore) {
    this.store = store;
  }

  /** For messages: where it is, without credentials. */
  get url(): string {
    return this.store.url;
  }

  snapshots(of: ShardRef): Snapshots {
    return new Snapshots(this.store, of);
  }

  /** Copies of the server's own append-only log. */
  aof(of: ShardRef): AofBackups {
    return new AofBackups(this.store, of);
  }

  /** The continuous log. @param prove - compares the bytes of each segment that is read, or made one with others, with its header */
  archive(of: ShardRef, prove?: ProveSegment): Archive {
    return new Archive(this.store, of, prove);
  }

  baselines(of: ShardRef): Baselines {
    return new Baselines(this.store, of);
  }

  /** What plans name: retention leaves it alone. */
  pins(of: ShardRef): Pins {
    return new Pins(this.store, of);
  }

  /** Whose the backups of an instance are. */
  ownership(instance: string): Ownership {
    return new Ownership(this.store, instance);
  }

  /** Every shard of an instance that has something in the repository. */
  async shards(instance: string): Promise<string[]> {
    return this.store.listNames(instancePrefix(instance));
  }

  /** Removes what dead writers left: backups without a manifest, unfinished uploads, pins that have ended. */
  sweep(of: ShardRef, options: SweepOptions): Promise<SweptObject[]> {
    return sweep(this.store, of, options);
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

  /** Proves that it is there and may be read: a disk that is not mounted lists nothing, too. @throws RecoveryError those of the store */
  probe(): Promise<void> {
    return this.store.probe();
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
