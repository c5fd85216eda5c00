import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { RecoveryError } from '../../model/errors.ts';
import { textBody } from '../small-objects.ts';
import { checkKey, checkPrefix } from './keys.ts';
import type { S3Location } from './location.ts';
import type {
  GetOptions,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoredInfo,
  StoreSetting,
  Unfinished,
} from './object-store.ts';
import { PageProgress } from './page-progress.ts';
import { notS3 } from './s3-answers.ts';
import { DEFAULT_TUNING, S3Calls, type S3Tuning } from './s3-calls.ts';
import { download } from './s3-download.ts';
import { PartBuffers } from './s3-parts.ts';
import { stillThere } from './s3-proof.ts';
import { upload } from './s3-upload.ts';

/** What stores are known to want, from what gives up nothing to what gives up most. */
const DIALECTS: readonly Pick<S3Location, 'checksum' | 'conditionalPut'>[] = [
  { checksum: 'md5' },
  { checksum: 'sha256' },
  { conditionalPut: 'none' },
  { checksum: 'md5', conditionalPut: 'none' },
  { checksum: 'sha256', conditionalPut: 'none' },
];

const textOf = (settings: object): string =>
  Object.entries(settings)
    .map(([name, value]) => `repository.${name}: ${value}`)
    .join(' and ');

/** Backups in a bucket of Amazon S3, or of any server that speaks its protocol. */
export class S3Store implements ObjectStore {
  readonly url: string;
  readonly #location: S3Location;
  readonly #calls: S3Calls;
  readonly #pool: PartBuffers;

  constructor(location: S3Location, tuning: Partial<S3Tuning> = {}) {
    const prefix = location.prefix.replace(/^\/+|\/+$/g, '');
    checkPrefix(prefix);
    this.#location = location;
    this.#calls = new S3Calls({ ...location, prefix }, { ...DEFAULT_TUNING, ...tuning });
    this.#pool = new PartBuffers(this.#calls.tuning.concurrency + 1);
    this.url = this.#calls.url;
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<StoredInfo> {
    checkKey(key);
    return { key, sizeBytes: await upload(this.#calls, key, body, this.#pool, options) };
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

  async *list(prefix: string, { signal, after }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    for await (const page of this.#pages(prefix, { signal, after })) {
      for (const { Key = '', Size, LastModified } of page.Contents ?? []) {
        signal?.throwIfAborted();
        if (Size === undefined || !LastModified) throw notS3(this.url, `lists ${Key} without its size or its time`);
        yield { key: this.#calls.own(Key), sizeBytes: Size, modifiedAtMs: LastModified.getTime() };
      }
    }
  }

  async listNames(prefix: string): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.#pages(prefix, { delimiter: '/' })) {
      for (const { Prefix = '' } of page.CommonPrefixes ?? []) names.push(this.#calls.own(Prefix).slice(prefix.length, -1));
    }
    return names;
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    try {
      const request = { Bucket: this.#calls.bucket, Key: this.#calls.full(key) };
      const { $metadata } = await this.#calls.call({ key }, (client) => client.send(new DeleteObjectCommand(request)));
      if ($metadata.httpStatusCode === 204) return;
    } catch (error) {
      if (!isObjectMissing(error)) throw error;
      return;
    }
    // 204 is the answer of S3; another one may be that of anybody.
    if (await this.head(key)) throw stillThere(`${this.url}/${key}`);
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

  async settingFor(key: string): Promise<StoreSetting | undefined> {
    for (const settings of DIALECTS) {
      const other = new S3Store({ ...this.#location, ...settings }, this.#calls.tuning);
      try {
        await other.put(key, textBody(key), { ifAbsent: true });
        await other.delete(key);
        return { text: textOf(settings), isFence: settings.conditionalPut !== undefined };
      } catch {
        // Not this one: what the store said to the settings in force is what a person is told.
      } finally {
        other.close();
      }
    }
    return undefined;
  }

  close(): void {
    this.#calls.close();
  }

  async *#pages(
    prefix: string,
    { delimiter, signal, after }: ListOptions & { delimiter?: string },
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    checkPrefix(prefix);
    const StartAfter = after === undefined ? undefined : this.#calls.full(after);
    const request = { Bucket: this.#calls.bucket, Prefix: this.#calls.full(prefix), Delimiter: delimiter, StartAfter };
    const progress = new PageProgress(this.url);
    for (let ContinuationToken: string | undefined; ; ) {
      const page = await this.#calls.call({ signal }, (client) =>
        client.send(new ListObjectsV2Command({ ...request, ContinuationToken }), { abortSignal: signal }),
      );
      const names = [...(page.Contents ?? []).map(({ Key }) => Key), ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix)];
      progress.see(names, page.IsTruncated ? page.NextContinuationToken : undefined, page.IsTruncated === true);
      yield page;
      if (!page.IsTruncated) return;
      ContinuationToken = page.NextContinuationToken;
    }
  }

  async *#uploads(prefix: string): AsyncGenerator<{ key: string; uploadId: string; begunAtMs: number }> {
    checkPrefix(prefix);
    const request = { Bucket: this.#calls.bucket, Prefix: this.#calls.full(prefix) };
    const progress = new PageProgress(this.url);
    for (let from: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
      const page = await this.#calls.call({}, (client) => client.send(new ListMultipartUploadsCommand({ ...request, ...from })));
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker, Uploads = [] } = page;
      // Several uploads of one key have no order that all servers share: the marker alone says that it goes on.
      progress.see([], IsTruncated ? NextKeyMarker && `${NextKeyMarker} ${NextUploadIdMarker}` : undefined, IsTruncated === true);
      for (const { Key, UploadId, Initiated } of Uploads) {
        if (Key && UploadId && Initiated) yield { key: this.#calls.own(Key), uploadId: UploadId, begunAtMs: Initiated.getTime() };
      }
      if (!IsTruncated) return;
      from = { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker };
    }
  }
}

const isObjectMissing = (error: unknown): boolean => error instanceof RecoveryError && error.code === 'OBJECT_MISSING';
