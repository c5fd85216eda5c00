import { interruptible } from '../../../repository/interruptible.ts';
import { objectExists, objectMissing } from '../../../repository/stores/file-errors.ts';
import { checkKey, checkPrefix } from '../../../repository/stores/keys.ts';
import type {
  GetOptions,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  Unfinished,
} from '../../../repository/stores/object-store.ts';
import { collect } from '../bodies.ts';

/** What a store is about to do: tests make it fail there, or do something else first. */
export type Operation = 'put' | 'get' | 'head' | 'list' | 'delete';

/** A store that forgets: thousands of random archives in a second. It passes the tests that all stores pass. */
export class MemoryStore implements ObjectStore {
  readonly url = 's3://memory';
  readonly objects = new Map<string, { bytes: Buffer; modifiedAtMs: number }>();
  /** Before each operation. What it throws, the operation throws. */
  before: (operation: Operation, key: string) => void | Promise<void> = () => {};
  /** Lies about what is read, once or always. */
  onRead: (key: string, bytes: Buffer) => Buffer = (_, bytes) => bytes;
  reads = 0;
  nowMs: () => number = Date.now;

  async put(
    key: string,
    body: AsyncIterable<Uint8Array>,
    { ifAbsent, signal, onProgress }: PutOptions = {},
  ): Promise<ObjectInfo> {
    checkKey(key);
    await this.before('put', key);
    const bytes = await collect(signal ? interruptible(body, signal) : body);
    signal?.throwIfAborted();
    onProgress?.(bytes.length);
    if (ifAbsent && this.objects.has(key)) throw objectExists(this.url, key);
    this.objects.set(key, { bytes, modifiedAtMs: this.nowMs() });
    return this.#info(key);
  }

  async get(key: string, { offset = 0, length = Number.POSITIVE_INFINITY, signal }: GetOptions = {}) {
    checkKey(key);
    signal?.throwIfAborted();
    await this.before('get', key);
    this.reads++;
    const found = this.objects.get(key);
    if (!found) throw objectMissing(this.url, key);
    const bytes = this.onRead(key, found.bytes).subarray(offset, Math.min(offset + length, found.bytes.length));
    return chunksOf(bytes, signal);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    await this.before('head', checkKey(key));
    return this.objects.has(key) ? this.#info(key) : undefined;
  }

  async *list(prefix: string, { signal, after = '' }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    await this.before('list', checkPrefix(prefix));
    for (const key of [...this.objects.keys()].filter((one) => one.startsWith(prefix) && one > after).sort()) {
      signal?.throwIfAborted();
      if (this.objects.has(key)) yield this.#info(key);
    }
  }

  async listNames(prefix: string): Promise<string[]> {
    await this.before('list', checkPrefix(prefix));
    const inside = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    return [...new Set(inside.filter((rest) => rest.includes('/')).map((rest) => rest.split('/')[0] ?? ''))].sort();
  }

  async delete(key: string): Promise<void> {
    await this.before('delete', checkKey(key));
    this.objects.delete(key);
  }

  async sweepUnfinished(): Promise<Unfinished[]> {
    return [];
  }

  async probe(): Promise<void> {}

  close(): void {}

  #info(key: string): ObjectInfo {
    const { bytes, modifiedAtMs } = this.objects.get(key) ?? { bytes: Buffer.alloc(0), modifiedAtMs: 0 };
    return { key, sizeBytes: bytes.length, modifiedAtMs };
  }
}

const CHUNK_BYTES = 1024 * 1024;

async function* chunksOf(bytes: Buffer, signal?: AbortSignal): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    await new Promise(setImmediate); // whoever cancels has a turn
    signal?.throwIfAborted();
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}
