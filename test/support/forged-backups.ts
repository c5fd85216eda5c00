import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { backupIdAt } from '../../model/instance.ts';
import { formatStored } from '../../repository/manifest-digest.ts';
import type { Repository } from '../../repository/repository.ts';

/** What a forged manifest says differently. Sections are laid over those of the original, `stored` as it really is. */
export type Lies = { [K in keyof SnapshotManifest]?: Partial<SnapshotManifest[K]> };

/** Puts backups into a directory repository that no honest backup would leave: each under an id of its own, in the past. */
export class Forger {
  readonly #repository: Repository;
  readonly #directory: string;
  readonly #original: SnapshotManifest;
  #nextMs = Date.UTC(2020, 0, 1);

  constructor(repository: Repository, directory: string, original: SnapshotManifest) {
    this.#repository = repository;
    this.#directory = directory;
    this.#original = original;
  }

  /**
   * A backup whose bytes and checksums are right, and whose content or manifest lies. Returns its id.
   * @param takenAtMs - default: some time in 2020
   */
  async publish(rdb: Buffer, lies: Lies = {}, takenAtMs = this.#time()): Promise<string> {
    const { instance, shard, times } = this.#original;
    const ref = { instance, shard, backupId: backupIdAt(takenAtMs) };
    const taken = { ...times, takenAt: new Date(takenAtMs).toISOString() };
    const stored = await this.#repository.snapshots(ref).write(ref, once(rdb));
    await this.#repository.snapshots(ref).publish({
      ...overlaid(this.#original, lies),
      ...ref,
      times: taken,
      stored,
      rdb: this.#rdb(rdb, lies),
    });
    return ref.backupId;
  }

  /** Files as they are to lie in the folder of a backup, whatever is in them. Returns its id. */
  place(files: Record<string, Buffer | string | ((backupId: string) => string)>): string {
    const backupId = backupIdAt(this.#time());
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.#directory, 'main/0/snapshots', backupId, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, typeof content === 'function' ? content(backupId) : content);
    }
    return backupId;
  }

  /** The text of a manifest that would be right but for the lies. */
  manifest(lies: Record<string, unknown>): (backupId: string) => string {
    return (backupId) => formatStored({ ...overlaid(this.#original, { backupId }), ...lies });
  }

  #rdb(rdb: Buffer, lies: Lies): SnapshotManifest['rdb'] {
    return { ...this.#original.rdb, bytes: rdb.length, ...lies.rdb };
  }

  #time(): number {
    this.#nextMs += 60_000;
    return this.#nextMs;
  }
}

function overlaid(original: SnapshotManifest, lies: Record<string, unknown>): SnapshotManifest {
  const manifest: Record<string, unknown> = { ...original };
  for (const [name, lie] of Object.entries(lies)) {
    const isSection = typeof lie === 'object' && lie !== null && !Array.isArray(lie);
    manifest[name] = isSection ? { ...(manifest[name] as object), ...lie } : lie;
  }
  return manifest as unknown as SnapshotManifest;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
