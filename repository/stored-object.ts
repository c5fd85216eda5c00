import { RecoveryError } from '../model/errors.ts';
import { type Described, decode, type Encoded, encode } from './codec.ts';
import { counting } from './pipeline/digest.ts';
import { type SpoolOptions, spool } from './pipeline/spool.ts';
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

/** Encodes and stores one body under a key that must be free. Memory: under 80 MiB, whatever the size. */
export async function storeEncoded(
  store: ObjectStore,
  key: string,
  raw: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<Encoded> {
  const { signal, onProgress, level } = options;
  const progress = { rawBytes: 0, storedBytes: 0 };
  const report = (news: Partial<typeof progress>) => onProgress?.({ ...Object.assign(progress, news) });
  let encoded: Encoded | undefined;
  const counted = counting(raw, (rawBytes) => report({ rawBytes }));
  const bytes = encode(counted, level, (end) => {
    encoded = end;
  });
  const body = options.spool ? spool(bytes, options.spool) : bytes;
  const { now = Date.now } = options;
  const beganMs = now();
  await store.put(key, body, { signal, ifAbsent: true, onProgress: (storedBytes) => report({ storedBytes }) });
  const endedMs = now();
  if (options.onClock) options.onClock(offsetFrom((await store.head(key))?.modifiedAtMs ?? 0, { beganMs, endedMs }));
  if (!encoded) throw new RecoveryError('INTERNAL', `${key} was stored before its end was read`, { next: 'Report this.' });
  return encoded;
}

/** S3 dates an object when its upload begins, or when it ends, in whole seconds: what lies between is no difference. */
export function offsetFrom(storedAtMs: number, { beganMs, endedMs }: { beganMs: number; endedMs: number }): number {
  if (storedAtMs === 0) return 0; // the store did not say
  if (storedAtMs < beganMs) return Math.min(0, Math.ceil(storedAtMs - beganMs + 1000));
  return Math.max(0, Math.floor(storedAtMs - endedMs));
}

/**
 * What `storeEncoded` has stored. Nothing of it may be used before the end: only there is it known to be the right one.
 * @throws RecoveryError `BACKUP_CORRUPT` after the last byte at the latest, `OBJECT_MISSING` before the first
 */
export async function* openEncoded(
  store: ObjectStore,
  key: string,
  wanted: Pick<Described, 'stored' | 'rawBytes'>,
  { signal, onProgress, lends }: ReadOptions,
): AsyncGenerator<Buffer> {
  const described = { ...wanted, by: 'the manifest', corrupt: corruptObject(`${store.url}/${key}`) };
  const progress = { rawBytes: 0, storedBytes: 0 };
  const report = (news: Partial<typeof progress>) => onProgress?.({ ...Object.assign(progress, news) });
  // The decompressor copies what the store lends.
  const body = counting(await store.get(key, { signal, lends: true }), (storedBytes) => report({ storedBytes }));
  yield* counting(decode(body, described, { lends }), (rawBytes) => report({ rawBytes }));
}

const corruptObject =
  (url: string): Described['corrupt'] =>
  (why, cause) =>
    new RecoveryError('BACKUP_CORRUPT', `${url} ${why}`, {
      next: 'Restore another backup, and find out what changes objects in this store.',
      cause,
    });

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
