import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type ErrorCode, hasCode, type RecoveryError } from '../../model/errors.ts';
import type { GetOptions, ListOptions, ObjectInfo, ObjectStore, PutOptions } from '../../repository/stores/object-store.ts';

const GONE = 'gone';

/** Passes everything on to a store, and remembers what it has acknowledged, and what it has refused. */
export class Witness implements ObjectStore {
  readonly url: string;
  readonly #store: ObjectStore;
  readonly #codes: readonly ErrorCode[];
  #refusals: RecoveryError[] = [];
  /** Of each key the SHA-256 of what is there, as the store says. */
  readonly #acknowledged = new Map<string, string>();

  /** @param codes - what counts as a refusal by name */
  constructor(store: ObjectStore, codes: readonly ErrorCode[]) {
    this.#store = store;
    this.#codes = codes;
    this.url = store.url;
  }

  get hasRefused(): boolean {
    return this.#refusals.length > 0;
  }

  /** All that was acknowledged since the last time is as this store has it. */
  async testify(honest: ObjectStore): Promise<void> {
    const acknowledged = [...this.#acknowledged];
    this.#acknowledged.clear();
    for (const [key, digest] of acknowledged) assert.equal(await digestOf(honest, key), digest, `${key} as it was acknowledged`);
  }

  forget(): void {
    this.#refusals = [];
    this.#acknowledged.clear();
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options?: PutOptions) {
    const hash = createHash('sha256');
    const seen = async function* () {
      for await (const chunk of body) {
        hash.update(chunk);
        yield chunk;
      }
    };
    try {
      const stored = await this.#store.put(key, seen(), options);
      this.#acknowledged.set(key, hash.digest('hex'));
      return stored;
    } catch (error) {
      if (this.#note(error)) this.#acknowledged.delete(key); // the old object or the new one: neither is said
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#store.delete(key);
      this.#acknowledged.set(key, GONE);
    } catch (error) {
      if (this.#note(error)) this.#acknowledged.delete(key);
      throw error;
    }
  }

  get = async (key: string, options?: GetOptions) => this.#all(await this.#one(this.#store.get(key, options)));
  head = (key: string) => this.#one(this.#store.head(key));
  list = (prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo> => this.#all(this.#store.list(prefix, options));
  listNames = (prefix: string) => this.#one(this.#store.listNames(prefix));
  sweepUnfinished: ObjectStore['sweepUnfinished'] = (...asked) => this.#one(this.#store.sweepUnfinished(...asked));
  probe = () => this.#one(this.#store.probe());

  close(): void {
    this.#store.close();
  }

  #one<T>(answer: Promise<T>): Promise<T> {
    return answer.catch((error) => {
      this.#note(error);
      throw error;
    });
  }

  async *#all<T>(answers: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* answers;
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  #note(error: unknown): boolean {
    if (!hasCode(error, ...this.#codes)) return false;
    this.#refusals.push(error);
    return true;
  }
}

async function digestOf(store: ObjectStore, key: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of await store.get(key)) hash.update(chunk);
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return GONE;
    throw error;
  }
  return hash.digest('hex');
}
