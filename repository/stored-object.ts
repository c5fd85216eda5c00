import { RecoveryError } from '../model/errors.ts';
import { counting, type Digest, digesting, verifying, verifyingSize } from './pipeline/digest.ts';
import { type SpoolOptions, spool } from './pipeline/spool.ts';
import { compress, decompress } from './pipeline/zstd.ts';
import type { ObjectStore } from './stores/object-store.ts';

export interface WriteOptions {
  signal?: AbortSignal;
  /** `rawBytes` that Redis sent, `storedBytes` that the store has acknowledged. */
  onProgress?: (progress: { rawBytes: number; storedBytes: number }) => void;
  /** Room on local disk, for a store that is slower than Redis. Default: none, Redis waits. */
  spool?: SpoolOptions;
  /** Of zstd, 1 to 19. Default 1. */
  level?: number;
  /** The store's clock minus ours, milliseconds, as the time of the object tells it: 0 within the upload. Once, at its end. */
  onClock?: (storeOffsetMs: number) => void;
  /** Our clock. Default: that of this machine. */
  now?: () => number;
}

export interface ReadOptions {
  signal?: AbortSignal;
  /** Each chunk is only good until the next one is asked for: its memory is then given back. Default false. */
  lends?: boolean;
  onProgress?: (progress: { rawBytes: number; storedBytes: number }) => void;
}

/** Compresses and stores one body under a key that must be free. Memory: under 80 MiB, whatever the size. */
export async function storeCompressed(
  store: ObjectStore,
  key: string,
  raw: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<Digest> {
  const { signal, onProgress, level } = options;
  const progress = { rawBytes: 0, storedBytes: 0 };
  const report = (news: Partial<typeof progress>) => onProgress?.({ ...Object.assign(progress, news) });
  let digest: Digest | undefined;
  const counted = counting(raw, (rawBytes) => report({ rawBytes }));
  const compressed = digesting(compress(counted, level), (end) => {
    digest = end;
  });
  const body = options.spool ? spool(compressed, options.spool) : compressed;
  const { now = Date.now } = options;
  const beganMs = now();
  await store.put(key, body, { signal, ifAbsent: true, onProgress: (storedBytes) => report({ storedBytes }) });
  const endedMs = now();
  if (options.onClock) options.onClock(offsetFrom((await store.head(key))?.modifiedAtMs ?? 0, { beganMs, endedMs }));
  if (!digest) throw new RecoveryError('INTERNAL', `${key} was stored before its end was read`, { next: 'Report this.' });
  return digest;
}

/** S3 dates an object when its upload begins, or when it ends, in whole seconds: what lies between is no difference. */
export function offsetFrom(storedAtMs: number, { beganMs, endedMs }: { beganMs: number; endedMs: number }): number {
  if (storedAtMs === 0) return 0; // the store did not say
  if (storedAtMs < beganMs) return Math.min(0, Math.ceil(storedAtMs - beganMs + 1000));
  return Math.max(0, Math.floor(storedAtMs - endedMs));
}

/**
 * What `storeCompressed` has stored. Nothing of it may be used before the end: only there is it known to be the right one.
 * @throws RecoveryError `BACKUP_CORRUPT` after the last byte at the latest, `OBJECT_MISSING` before the first
 */
export async function* openCompressed(
  store: ObjectStore,
  key: string,
  wanted: { stored: Digest; rawBytes: number },
  { signal, onProgress, lends }: ReadOptions,
): AsyncGenerator<Buffer> {
  const url = `${store.url}/${key}`;
  const progress = { rawBytes: 0, storedBytes: 0 };
  const report = (news: Partial<typeof progress>) => onProgress?.({ ...Object.assign(progress, news) });
  // The decompressor copies what the store lends.
  const body = counting(await store.get(key, { signal, lends: true }), (storedBytes) => report({ storedBytes }));
  const raw = decompress(verifying(body, wanted.stored, url), url, { lends });
  yield* counting(verifyingSize(raw, wanted.rawBytes, url), (rawBytes) => report({ rawBytes }));
}

/** Proves that the store has the whole object. @throws RecoveryError `OBJECT_MISSING` or `BACKUP_CORRUPT` */
export async function verifyWhole(store: ObjectStore, key: string, bytes: number): Promise<void> {
  const found = await store.head(key);
  if (!found)
    throw new RecoveryError('OBJECT_MISSING', `${store.url}/${key} is not in the store`, { next: 'Take the backup again.' });
  if (found.sizeBytes === bytes) return;
  throw new RecoveryError('BACKUP_CORRUPT', `${store.url}/${key} has ${found.sizeBytes} bytes, ${bytes} were sent`, {
    next: 'Take the backup again, and find out what cuts objects in this store.',
  });
}
