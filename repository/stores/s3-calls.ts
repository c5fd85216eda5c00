import { S3Client } from '@aws-sdk/client-s3';
import type { S3Location } from './location.ts';
import { patiently } from './patience.ts';
import { s3Error } from './s3-errors.ts';

/** What tests change; the defaults are for backups of gigabytes over a network. */
export interface S3Tuning {
  /** Size of the first parts of an upload, bytes. At least 5 MiB, by S3's rules. */
  partBytes: number;
  /** Size of the pieces that a large object is read in, bytes. */
  pieceBytes: number;
  /** Parts or pieces on their way at once. Memory: one more than this. */
  concurrency: number;
  /** How long a connection may take to come up, milliseconds. */
  connectMs: number;
  /** How long a connection may carry nothing, milliseconds. The kernel's buffers must drain within it: 4 MB at 70 kB/s. */
  idleMs: number;
  /** How long a transfer waits for a store that is away, milliseconds. Other calls give up after the SDK's attempts. */
  patienceMs: number;
}

export const DEFAULT_TUNING: S3Tuning = {
  partBytes: 5 * 1024 * 1024,
  pieceBytes: 2 * 1024 * 1024,
  concurrency: 4,
  connectMs: 5_000,
  idleMs: 60_000,
  patienceMs: 60_000,
};

const SDK_ATTEMPTS = 5;

export interface CallOptions {
  key?: string;
  signal?: AbortSignal;
  /** Wait for a store that is away: for transfers, where starting anew is dear. */
  patient?: boolean;
}

/** One bucket and prefix: runs calls of the SDK, and says in our words what went wrong. */
export class S3Calls {
  readonly bucket: string;
  readonly url: string;
  readonly tuning: S3Tuning;
  readonly #client: S3Client;
  readonly #prefix: string;
  readonly #secrets: string[];

  constructor(location: S3Location, tuning: S3Tuning) {
    const { bucket, endpoint, region, forcePathStyle, credentials } = location;
    this.bucket = bucket;
    this.tuning = tuning;
    this.#prefix = location.prefix === '' ? '' : `${location.prefix}/`;
    this.url = `s3://${bucket}${location.prefix === '' ? '' : `/${location.prefix}`}`;
    this.#secrets = [credentials?.secretAccessKey, credentials?.sessionToken, credentials?.accessKeyId].filter(
      (text) => !!text,
    ) as string[];
    this.#client = new S3Client({
      endpoint,
      region: region ?? (endpoint === undefined ? undefined : 'us-east-1'),
      forcePathStyle: forcePathStyle ?? endpoint !== undefined,
      credentials: credentials && { ...credentials }, // the SDK writes into what it is given
      maxAttempts: SDK_ATTEMPTS,
      retryMode: 'standard',
      // `Expect: 100-continue` costs a new connection for every part.
      expectContinueHeader: false,
      requestHandler: { connectionTimeout: tuning.connectMs, socketTimeout: tuning.idleMs },
    });
  }

  /** The key as the bucket has it. */
  full(key: string): string {
    return this.#prefix + key;
  }

  /** The key as our callers have it. */
  own(full: string): string {
    return full.slice(this.#prefix.length);
  }

  /** @throws RecoveryError, or the signal's reason */
  async call<T>({ key, signal, patient }: CallOptions, work: (client: S3Client) => Promise<T>): Promise<T> {
    const once = async () => {
      signal?.throwIfAborted();
      try {
        return await work(this.#client);
      } catch (error) {
        signal?.throwIfAborted();
        throw this.translated(error, key);
      }
    };
    return patient ? patiently(once, this.tuning.patienceMs, signal) : once();
  }

  translated(error: unknown, key?: string) {
    return s3Error(error, key === undefined ? this.url : `${this.url}/${key}`, this.#secrets);
  }

  close(): void {
    this.#client.destroy();
  }
}
