import { S3Client } from '@aws-sdk/client-s3';
import type { S3Credentials, S3Location } from './location.ts';
import { withRetries } from './retry.ts';
import { notS3, requireS3Answers } from './s3-answers.ts';
import { isStoreDenied, s3Error } from './s3-errors.ts';
import type { ChecksumName } from './s3-proof.ts';

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
  retryForMs: number;
}

export const DEFAULT_TUNING: S3Tuning = {
  partBytes: 5 * 1024 * 1024,
  pieceBytes: 2 * 1024 * 1024,
  concurrency: 4,
  connectMs: 5_000,
  idleMs: 60_000,
  retryForMs: 60_000,
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
  readonly checksum: ChecksumName;
  readonly hasConditionalPut: boolean;
  readonly #location: S3Location;
  readonly #prefix: string;
  /** The one in use, and those whose keys were refused: answers to them may still be under way. */
  readonly #clients: [S3Client, ...S3Client[]];
  #credentials: S3Credentials | undefined;
  #renewing: Promise<boolean> | undefined;

  constructor(location: S3Location, tuning: S3Tuning) {
    const { bucket, prefix, checksum = 'crc32', conditionalPut } = location;
    this.#location = location;
    this.bucket = bucket;
    this.tuning = tuning;
    this.checksum = checksum;
    this.hasConditionalPut = conditionalPut !== 'none';
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.url = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
    this.#credentials = location.credentials;
    this.#clients = [this.#open(location.credentials)];
  }

  /** The key as the bucket has it. */
  full(key: string): string {
    return this.#prefix + key;
  }

  /** The key as our callers have it. @throws RecoveryError `STORE_NOT_S3` for one that nobody asked for */
  own(full: string): string {
    if (full.startsWith(this.#prefix)) return full.slice(this.#prefix.length);
    throw notS3(this.url, `lists ${full.slice(0, 200)}, which is not under the prefix`);
  }

  /** @param work - may be run again, with other keys @throws RecoveryError, or the signal's reason */
  async call<T>({ key, signal, patient }: CallOptions, work: (client: S3Client) => Promise<T>): Promise<T> {
    const once = async (client: S3Client) => {
      signal?.throwIfAborted();
      try {
        return await work(client);
      } catch (error) {
        signal?.throwIfAborted();
        throw this.translated(error, key);
      }
    };
    const renewing = async () => {
      const [client] = this.#clients;
      try {
        return await once(client);
      } catch (error) {
        if (!isStoreDenied(error) || !(await this.#renew(client))) throw error;
        return once(this.#clients[0]);
      }
    };
    return patient ? withRetries(renewing, this.tuning.retryForMs, signal) : renewing();
  }

  translated(error: unknown, key?: string) {
    const { accessKeyId, secretAccessKey, sessionToken } = this.#credentials ?? {};
    const secrets = [secretAccessKey, sessionToken, accessKeyId].filter((text) => !!text) as string[];
    return s3Error(error, key === undefined ? this.url : `${this.url}/${key}`, secrets);
  }

  close(): void {
    for (const client of this.#clients) client.destroy();
  }

  /** Keys are rotated, and session tokens end: a denial reads them anew. @returns whether there are others than those refused */
  #renew(refused: S3Client): Promise<boolean> {
    this.#renewing ??= this.#readAnew(refused).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #readAnew(refused: S3Client): Promise<boolean> {
    if (this.#clients[0] !== refused) return true; // another call has done so
    try {
      const read = await this.#location.readCredentials?.();
      const client = this.#open(read);
      const [before, now] = await Promise.all([refused.config.credentials(), client.config.credentials()]);
      const isOther = before.secretAccessKey !== now.secretAccessKey || before.sessionToken !== now.sessionToken;
      if (isOther || before.accessKeyId !== now.accessKeyId) {
        this.#credentials = read;
        this.#clients.unshift(client);
        return true;
      }
      client.destroy();
    } catch {
      // Not there, or half written: the denial says what is wrong, and the next one looks again.
    }
    return false;
  }

  #open(credentials: S3Credentials | undefined): S3Client {
    const { endpoint, region, forcePathStyle } = this.#location;
    // Of the SDK's own chain: a profile file that has changed is read, and not remembered.
    const chain = { ignoreCache: true };
    // By itself the SDK adds CRC32 to what carries no checksum, and asks for it.
    const checksums = this.checksum === 'md5' ? ('WHEN_REQUIRED' as const) : undefined;
    const client = new S3Client({
      ...chain,
      endpoint,
      region: region ?? (endpoint === undefined ? undefined : 'us-east-1'),
      forcePathStyle: forcePathStyle ?? endpoint !== undefined,
      credentials: credentials && { ...credentials }, // the SDK writes into what it is given
      maxAttempts: SDK_ATTEMPTS,
      retryMode: 'standard',
      ...(checksums && { requestChecksumCalculation: checksums, responseChecksumValidation: checksums }),
      // `Expect: 100-continue` costs a new connection for every part.
      expectContinueHeader: false,
      requestHandler: { connectionTimeout: this.tuning.connectMs, socketTimeout: this.tuning.idleMs },
    });
    requireS3Answers(client, this.url);
    return client;
  }
}
