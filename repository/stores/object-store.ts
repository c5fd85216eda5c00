/** One object, as a listing or a write reports it. */
export interface ObjectInfo {
  key: string;
  sizeBytes: number;
  /** Milliseconds since 1970, by the store's clock. */
  modifiedAtMs: number;
}

/** What a write is known by. When the store has dated it, only `head` says. */
export type StoredInfo = Pick<ObjectInfo, 'key' | 'sizeBytes'>;

export interface PutOptions {
  signal?: AbortSignal;
  /** Refuse with OBJECT_EXISTS when the key is taken (if-none-match). */
  ifAbsent?: boolean;
  /** Called with the bytes that the store has acknowledged so far. */
  onProgress?: (storedBytes: number) => void;
}

/** A setting as a person writes it, such as `repository.checksum: md5`. */
export interface StoreSetting {
  text: string;
  /** It gives up that two writers are kept apart. */
  isFence: boolean;
}

export interface GetOptions {
  signal?: AbortSignal;
  /** First byte wanted; at or past the end is an empty body. */
  offset?: number;
  /** The most bytes wanted; fewer come at the end of the object. Default: all. */
  length?: number;
  /** Each chunk is only good until the next one is asked for: its memory may then be used again. Default false. */
  lends?: boolean;
}

export interface ListOptions {
  signal?: AbortSignal;
  /** Only keys behind this one, in byte order. */
  after?: string;
}

/** What a writer that died left behind: bytes in the store that no reader can see. */
export interface Unfinished {
  /** The key that it would have had. */
  key: string;
  /** Milliseconds since 1970, by the store's clock. */
  begunAtMs: number;
}

/**
 * Where backups live. What must be alike in every store is test/repository/object-store-conformance.ts.
 * Keys are `/`-separated, without a leading slash, and relative to the prefix of the store (rules: keys.ts).
 * Errors are RecoveryErrors: STORE_UNREACHABLE, STORE_NOT_S3, STORE_DENIED, STORE_MISSING, STORE_FULL and STORE_UNFIT from
 * every method, and those named below. A cancelled call rejects with the reason of its signal; an error of a body is passed on
 * as it is.
 */
export interface ObjectStore {
  /** For messages: `s3://bucket/prefix` or `file:///directory`, without credentials. */
  readonly url: string;
  /**
   * Writes the whole body under `key` or changes nothing: no reader ever sees part of an object, nothing is left over. When it
   * comes back, the store has proven that it has these bytes.
   * @throws RecoveryError `STORE_UNPROVEN`, `OBJECT_CORRUPT`; `OBJECT_EXISTS`, if asked
   */
  put(key: string, body: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<StoredInfo>;
  /**
   * Throws OBJECT_MISSING before the first byte if there is no such key. A broken link is resumed by range.
   * @throws RecoveryError `OBJECT_CORRUPT` from the body, when the store's own checksum doesn't match or the object was replaced
   */
  get(key: string, options?: GetOptions): Promise<AsyncIterable<Uint8Array>>;
  /** `undefined` if there is no such key. */
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Every key under `prefix` in byte order, across pages; an unknown prefix is an empty list. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /** The names of the next level under `prefix`, which ends with `/` or is empty: what `ls` would show as directories. */
  listNames(prefix: string): Promise<string[]>;
  /** Deleting what isn't there is no error. */
  delete(key: string): Promise<void>;
  /** Removes the multipart uploads and temporary files under `prefix` that were begun before `beforeMs`; names them only, if `dryRun`. */
  sweepUnfinished(prefix: string, beforeMs: number, options?: { dryRun?: boolean }): Promise<Unfinished[]>;
  /** Proves that the bucket or directory exists and may be read. Throws STORE_MISSING, STORE_DENIED or STORE_UNREACHABLE. */
  probe(): Promise<void>;
  /** Sees that what is there can be used, in a store where each object has an owner of its own. @throws RecoveryError `STORE_DENIED` */
  requireAll?(): Promise<void>;
  /**
   * Which setting of `repository` would make the store take what we write, when it has refused a small object. Writes under
   * `key`, and deletes it. Undefined: none of ours.
   */
  settingFor?(key: string): Promise<StoreSetting | undefined>;
  close(): void;
}
