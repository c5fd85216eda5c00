import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { RecoveryError } from '../../model/errors.ts';
import { checkKey, checkPrefix } from './keys.ts';
import type { S3Location } from './location.ts';
import type { GetOptions, ObjectInfo, ObjectStore, PutOptions, Unfinished } from './object-store.ts';
import { DEFAULT_TUNING, S3Calls, type S3Tuning } from './s3-calls.ts';
import { download } from './s3-download.ts';
import { BufferPool } from './s3-parts.ts';
import { upload } from './s3-upload.ts';

/** Backups in a bucket of Amazon S3, or of any server that speaks its protocol. */
export class S3Store implements ObjectStore {
  readonly url: string;
  readonly #calls: S3Calls;
  readonly #pool: BufferPool;

  constructor(location: S3Location, tuning: Partial<S3Tuning> = {}) {
    const prefix = location.prefix.replace(/^\/+|\/+$/g, '');
    checkPrefix(prefix);
    this.#calls = new S3Calls({ ...location, prefix }, { ...DEFAULT_TUNING, ...tuning });
    this.#pool = new BufferPool(this.#calls.tuning.concurrency + 1);
    this.url = this.#calls.url;
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<ObjectInfo> {
    checkKey(key);
    await upload(this.#calls, key, body, this.#pool, options);
    const info = await this.head(key);
    if (info) return info;
    throw new RecoveryError('OBJECT_MISSING', `${this.url}/${key} is gone right after it was written`, {
      next: 'Find out who deletes in this bucket.',
    });
  }

  async get(key: string, options: GetOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    checkKey(key);
    return download(this.#calls, key, this.#pool, options);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    checkKey(key);
    try {
      const request = { Bucket: this.#calls.bucket, Key: this.#calls.full(key) };
      const found = await this.#calls.call({ key }, (client) => client.send(new HeadObjectCommand(request)));
      return { key, sizeBytes: found.ContentLength ?? 0, modifiedAtMs: found.LastModified?.getTime() ?? 0 };
    } catch (error) {
      if (!isObjectMissing(error)) throw error;
      await this.probe(); // the answer to HEAD has no body: a missing bucket looks like a missing object
      return undefined;
    }
  }

  async *list(prefix: string, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<ObjectInfo> {
    for await (const page of this.#pages(prefix, { signal })) {
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        signal?.throwIfAborted();
        if (Key) yield { key: this.#calls.own(Key), sizeBytes: Size ?? 0, modifiedAtMs: LastModified?.getTime() ?? 0 };
      }
    }
  }

  async listNames(prefix: string): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.#pages(prefix, { delimiter: '/' })) {
      for (const { Prefix } of page.CommonPrefixes ?? []) {
        if (Prefix) names.push(this.#calls.own(Prefix).slice(prefix.length, -1));
      }
    }
    return names;
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    try {
      const request = { Bucket: this.#calls.bucket, Key: this.#calls.full(key) };
      await this.#calls.call({ key }, (client) => client.send(new DeleteObjectCommand(request)));
    } catch (error) {
      if (!isObjectMissing(error)) throw error;
    }
  }

  async sweepUnfinished(prefix: string, beforeMs: number, { dryRun = false } = {}): Promise<Unfinished[]> {
    const { bucket } = this.#calls;
    const swept: Unfinished[] = [];
    for await (const { key, uploadId, begunAtMs } of this.#uploads(prefix)) {
      if (begunAtMs >= beforeMs) continue;
      const request = { Bucket: bucket, Key: this.#calls.full(key), UploadId: uploadId };
      if (!dryRun) await this.#calls.call({ key }, (client) => client.send(new AbortMultipartUploadCommand(request)));
      swept.push({ key, begunAtMs });
    }
    return swept;
  }

  async probe(): Promise<void> {
    const request = { Bucket: this.#calls.bucket, Prefix: this.#calls.full(''), MaxKeys: 1 };
    await this.#calls.call({}, (client) => client.send(new ListObjectsV2Command(request)));
  }

  close(): void {
    this.#calls.close();
  }

  async *#pages(
    prefix: string,
    { delimiter, signal }: { delimiter?: string; signal?: AbortSignal },
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    checkPrefix(prefix);
    const request = { Bucket: this.#calls.bucket, Prefix: this.#calls.full(prefix), Delimiter: delimiter };
    for (let ContinuationToken: string | undefined; ; ) {
      const page = await this.#calls.call({ signal }, (client) =>
        client.send(new ListObjectsV2Command({ ...request, ContinuationToken }), { abortSignal: signal }),
      );
      yield page;
      if (!page.IsTruncated) return;
      ContinuationToken = page.NextContinuationToken;
    }
  }

  async *#uploads(prefix: string): AsyncGenerator<{ key: string; uploadId: string; begunAtMs: number }> {
    checkPrefix(prefix);
    const request = { Bucket: this.#calls.bucket, Prefix: this.#calls.full(prefix) };
    for (let from: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
      const page = await this.#calls.call({}, (client) => client.send(new ListMultipartUploadsCommand({ ...request, ...from })));
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key && UploadId && Initiated) yield { key: this.#calls.own(Key), uploadId: UploadId, begunAtMs: Initiated.getTime() };
      }
      if (!page.IsTruncated) return;
      from = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }
}

const isObjectMissing = (error: unknown): boolean => error instanceof RecoveryError && error.code === 'OBJECT_MISSING';
