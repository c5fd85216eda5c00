import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interruptible } from '../interruptible.ts';
import { releaseChunk } from '../pipeline/release.ts';
import { fileError, noHardLinks, objectExists, objectMissing, rootMissing } from './file-errors.ts';
import { giveToOwner, makeFolder, requireAccess } from './file-owner.ts';
import { errnoOf, isMissing, removedEmpty, syncFolder, unlessMissing, writeAll } from './file-system.ts';
import { checkKey, checkPrefix } from './keys.ts';
import type { ConditionalPut } from './location.ts';
import type { GetOptions, ListOptions, ObjectInfo, ObjectStore, PutOptions, StoreSetting, Unfinished } from './object-store.ts';
import type { StoreKind } from './store-kind.ts';

/** Files under way lie here, one level, so that no listing shows them and a link or rename stays in one file system. */
const UNFINISHED = '.unfinished';
const READ_BYTES = 512 * 1024;

interface FileStoreOptions {
  conditionalPut?: ConditionalPut;
  link?: typeof link;
}

/** Of link(2) on FAT, exFAT, and many FUSE and SMB mounts. We may write there: the temporary file beside it is ours. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']);

/** A directory. */
export const file: StoreKind = {
  form: 'file:///directory',
  settings: ['conditionalPut'],
  refuse: ({ host, pathname }) => (host || pathname === '/' ? '' : undefined),
  open: async ({ url, conditionalPut }) => new FileStore(fileURLToPath(url), conditionalPut ? { conditionalPut } : {}),
};

/** Backups in a directory: a local disk, or a network mount that has hard links and fsync. */
export class FileStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;
  readonly #hasFence: boolean;
  readonly #link: typeof link;

  /** @param options - `link` is for tests: link(2) of a file system that has none */
  constructor(directory: string, { conditionalPut, link: makeLink = link }: FileStoreOptions = {}) {
    this.#root = resolve(directory);
    this.#hasFence = conditionalPut !== 'none';
    this.#link = makeLink;
    this.url = `file://${this.#root}`;
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<ObjectInfo> {
    const path = this.#path(key);
    // The key stands in the name, for sweepUnfinished; cut, because a file name has at most 255 bytes.
    const temporary = join(this.#root, UNFINISHED, `${randomUUID()}-${encodeURIComponent(key).slice(0, 200)}`);
    await this.#translated(async () => {
      await this.#mustExist();
      await makeFolder(this.#root, dirname(temporary));
    });
    try {
      await this.#write(temporary, body, options);
      return await this.#translated(async () => {
        await this.#publish(temporary, path, options.ifAbsent === true, key);
        const { size, mtimeMs } = await stat(path);
        return { key, sizeBytes: size, modifiedAtMs: mtimeMs };
      });
    } finally {
      await this.#translated(() => unlink(temporary).catch(unlessMissing));
    }
  }

  async get(key: string, { signal, offset = 0, length }: GetOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    signal?.throwIfAborted();
    if ((await this.head(key)) === undefined) throw objectMissing(this.url, key);
    return this.#read(key, { offset, length, signal });
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const path = this.#path(key);
    return this.#translated(async () => {
      const found = await stat(path).catch(unlessMissing);
      if (found === undefined) await this.#mustExist();
      return found?.isFile() ? { key, sizeBytes: found.size, modifiedAtMs: found.mtimeMs } : undefined;
    });
  }

  async *list(prefix: string, { signal, after = '' }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    await this.#translated(() => this.#mustExist());
    for await (const object of this.#walk(folder, prefix, signal)) if (object.key > after) yield object;
  }

  async listNames(prefix: string): Promise<string[]> {
    checkPrefix(prefix);
    return this.#translated(async () => {
      await this.#mustExist();
      const entries = await this.#entries(prefix);
      return entries.filter((name) => name.endsWith('/')).map((name) => name.slice(0, -1));
    });
  }

  async delete(key: string): Promise<void> {
    const path = this.#path(key);
    await this.#translated(async () => {
      await this.#mustExist();
      await unlink(path).catch(unlessMissing);
      // An empty folder would be a name in listNames that an S3 store doesn't have.
      for (let folder = dirname(path); folder !== this.#root; folder = dirname(folder)) {
        if (!(await removedEmpty(folder))) break;
      }
    });
  }

  async sweepUnfinished(prefix: string, beforeMs: number, { dryRun = false } = {}): Promise<Unfinished[]> {
    checkPrefix(prefix);
    return this.#translated(async () => {
      await this.#mustExist();
      const swept: Unfinished[] = [];
      const folder = join(this.#root, UNFINISHED);
      for (const name of (await readdir(folder).catch(unlessMissing)) ?? []) {
        const key = decodeKey(name);
        // The last write, so that one which is still under way is young however long ago it began.
        const begunAtMs = (await stat(join(folder, name)).catch(unlessMissing))?.mtimeMs;
        if (begunAtMs === undefined || begunAtMs >= beforeMs || !key.startsWith(prefix)) continue;
        if (!dryRun) await unlink(join(folder, name)).catch(unlessMissing);
        swept.push({ key, begunAtMs });
      }
      return swept;
    });
  }

  async probe(): Promise<void> {
    await this.#translated(async () => {
      await this.#mustExist();
      await readdir(this.#root);
    });
  }

  async requireAll(): Promise<void> {
    await this.#translated(() => requireAccess(this.#root));
  }

  close(): void {}

  #path(key: string): string {
    return join(this.#root, checkKey(key));
  }

  async #mustExist(): Promise<void> {
    const found = await stat(this.#root).catch(unlessMissing);
    if (!found?.isDirectory()) throw rootMissing(this.#root);
  }

  async #publish(temporary: string, path: string, ifAbsent: boolean, key: string): Promise<void> {
    for (;;) {
      const firstMade = await makeFolder(this.#root, dirname(path));
      try {
        // link(2) refuses a name that is taken, atomically; rename(2) replaces it, atomically.
        await (ifAbsent ? this.#createFrom(temporary, path, key) : rename(temporary, path));
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') throw objectExists(this.url, key);
        if (errnoOf(error) !== 'ENOENT') throw error;
        await stat(temporary); // swept under our feet: an error, not a reason to go on
        continue; // a delete beside us removed the folder because it was still empty
      }
      const upTo = firstMade === undefined ? dirname(path) : dirname(firstMade);
      for (let folder = dirname(path); ; folder = dirname(folder)) {
        await syncFolder(folder); // without this, a power cut takes the name away and leaves the manifest's promise
        if (folder === upTo) return;
      }
    }
  }

  /** Without hard links we look before: of two that write in the same moment the later one wins. */
  async #createFrom(temporary: string, path: string, key: string): Promise<void> {
    if (this.#hasFence) {
      await this.#link(temporary, path).catch((error) => {
        throw NO_LINKS.has(errnoOf(error) ?? '') ? noHardLinks(this.#root, error) : error;
      });
      return;
    }
    if (await stat(path).catch(unlessMissing)) throw objectExists(this.url, key);
    await rename(temporary, path);
  }

  async settingFor(): Promise<StoreSetting | undefined> {
    return this.#hasFence ? { text: 'repository.conditionalPut: none', isFence: true } : undefined;
  }

  /** Names in one folder, folders with a `/` behind, in the byte order of the keys: `a-b` < `a/b` < `ab`. */
  async #entries(folder: string): Promise<string[]> {
    const entries = (await readdir(join(this.#root, folder), { withFileTypes: true }).catch(unlessMissing)) ?? [];
    const names = entries
      .filter((entry) => !entry.name.startsWith('.'))
      .map((entry) => entry.name + (entry.isDirectory() ? '/' : ''));
    return names.sort((a, b) => (a < b ? -1 : 1)); // keys are ASCII: code units are bytes
  }

  async *#walk(folder: string, prefix: string, signal?: AbortSignal): AsyncGenerator<ObjectInfo> {
    for (const name of await this.#translated(() => this.#entries(folder))) {
      signal?.throwIfAborted();
      const key = folder + name;
      if (name.endsWith('/')) {
        if (key.startsWith(prefix) || prefix.startsWith(key)) yield* this.#walk(key, prefix, signal);
      } else if (key.startsWith(prefix)) {
        const found = await this.#translated(() => stat(join(this.#root, key)).catch(unlessMissing));
        if (found) yield { key, sizeBytes: found.size, modifiedAtMs: found.mtimeMs };
      }
    }
  }

  async *#read(key: string, { offset = 0, length, signal, lends }: GetOptions): AsyncGenerator<Uint8Array> {
    if (length === 0) return;
    const end = length === undefined ? undefined : offset + length - 1; // node:fs counts the last byte in
    try {
      for await (const chunk of createReadStream(this.#path(key), { start: offset, end, highWaterMark: READ_BYTES, signal })) {
        yield chunk;
        if (lends) releaseChunk(chunk);
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw isMissing(error) ? objectMissing(this.url, key) : fileError(error, this.#root);
    }
  }

  /** Translates the errors of the file only: those of the body are the body's. */
  async #write(path: string, body: AsyncIterable<Uint8Array>, { signal, onProgress }: PutOptions): Promise<void> {
    const handle = await this.#translated(() => open(path, 'wx', 0o640));
    try {
      await this.#translated(() => giveToOwner(this.#root, handle));
      let stored = 0;
      for await (const chunk of signal ? interruptible(body, signal) : body) {
        await this.#translated(() => writeAll(handle, chunk));
        stored += chunk.length;
        onProgress?.(stored);
      }
      signal?.throwIfAborted();
      await this.#translated(() => handle.sync());
    } finally {
      await handle.close();
    }
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw fileError(error, this.#root);
    }
  }
}

function decodeKey(name: string): string {
  const encoded = name.slice(37); // after the UUID and its hyphen
  return decodeURIComponent(encoded.replace(/%.?$/, '')); // the cut may have gone through an escape
}
