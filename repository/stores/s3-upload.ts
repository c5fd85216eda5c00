import { randomUUID } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { type ErrorCode, RecoveryError } from '../../model/errors.ts';
import { interruptible } from '../interruptible.ts';
import { objectExists } from './file-errors.ts';
import type { PutOptions } from './object-store.ts';
import type { S3Calls } from './s3-calls.ts';
import { intoParts, MOST_PARTS, type PartBuffers, type UploadPart } from './s3-parts.ts';
import {
  ALGORITHMS,
  type Checksums,
  checksumFields,
  checksumsOf,
  isProvenStored,
  joinedChecksums,
  type SentPart,
  unproven,
} from './s3-proof.ts';

/** Metadata of every object: which attempt wrote it. So a writer knows its own object when the answer to it was lost. */
const ATTEMPT = 'attempt';

interface Upload {
  calls: S3Calls;
  key: string;
  /** Refuse a key that is taken. */
  ifAbsent: boolean;
  attempt: string;
  /** Aborted by the caller, or by the first part that fails. */
  signal: AbortSignal;
  onBytes: (bytes: number) => void;
}

/**
 * Uploads a body of unknown length: in one request if it fits into one part, else as a multipart upload. It is stored when
 * the store has proven it: by its answer, or by what HEAD says.
 * @returns its size
 * @throws RecoveryError `STORE_UNPROVEN`
 */
export async function upload(
  calls: S3Calls,
  key: string,
  body: AsyncIterable<Uint8Array>,
  pool: PartBuffers,
  options: PutOptions,
): Promise<number> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let stored = 0;
  const onBytes = (bytes: number) => {
    stored += bytes;
    options.onProgress?.(stored);
  };
  const self: Upload = { calls, key, ifAbsent: options.ifAbsent === true, attempt: randomUUID(), signal, onBytes };
  const parts = intoParts(interruptible(body, signal), calls.tuning.partBytes, pool);
  try {
    const first = await parts.next();
    if (first.done) throw new RecoveryError('INTERNAL', 'a body without parts', { next: 'Report this.' });
    if (first.value.last) await putWhole(self, first.value);
    else await putParts(self, first.value, parts, stop);
  } finally {
    await parts.return(undefined);
  }
  return stored;
}

async function putWhole(self: Upload, part: UploadPart): Promise<void> {
  const { calls, signal, attempt } = self;
  const sent = checksumsOf(part.bytes, calls.checksum);
  const request = {
    ...objectOf(self),
    ...checksumFields(part.bytes, sent),
    ...(await fenceOf(self)),
    Body: part.bytes,
    Metadata: { [ATTEMPT]: attempt },
  };
  try {
    await publish(self, sent, (client) => client.send(new PutObjectCommand(request), { abortSignal: signal }));
    self.onBytes(part.bytes.length);
  } finally {
    part.release();
  }
}

async function putParts(self: Upload, first: UploadPart, rest: AsyncGenerator<UploadPart>, stop: AbortController): Promise<void> {
  const { calls, key, signal, attempt } = self;
  const object = objectOf(self);
  const create = { ...object, ChecksumAlgorithm: ALGORITHMS[calls.checksum], Metadata: { [ATTEMPT]: attempt } };
  const { UploadId } = await calls.call({ key, signal, patient: true }, (client) =>
    client.send(new CreateMultipartUploadCommand(create), { abortSignal: signal }),
  );
  try {
    const parts = await sendAll(self, first, rest, stop, (part) => sendPart(self, UploadId, part));
    const MultipartUpload = {
      Parts: parts.map(({ number, ETag, checksum }) => ({ PartNumber: number, ETag, ...named(checksum) })),
    };
    const complete = { ...object, UploadId, MultipartUpload, ...(await fenceOf(self)) };
    await publish(self, joinedChecksums(parts, calls.checksum), (client) =>
      client.send(new CompleteMultipartUploadCommand(complete), { abortSignal: signal }),
    );
  } catch (error) {
    await abandon(self, UploadId);
    throw error;
  }
}

/** A store that is still taking in a part may keep it, and so the upload, behind an abort: it is told again. */
const ABORTED_AGAIN_AFTER_MS = 200;

/** @see docs of S3, AbortMultipartUpload: "it might be necessary to abort a given multipart upload multiple times" */
async function abandon(self: Upload, UploadId: string | undefined): Promise<void> {
  const { calls, key } = self;
  // Not with the signal: it may be what ended the upload. If it fails too, sweepUnfinished finds the upload later.
  const abort = () =>
    calls
      .call({ key }, (client) => client.send(new AbortMultipartUploadCommand({ ...objectOf(self), UploadId })))
      .catch(() => undefined);
  await abort();
  await after(ABORTED_AGAIN_AFTER_MS);
  await abort();
}

type NumberedPart = SentPart & { number: number };

/** Sends parts, a few at once, in whatever order they end. The first failure stops the others, and the body. */
async function sendAll(
  { calls, signal }: Upload,
  first: UploadPart,
  rest: AsyncGenerator<UploadPart>,
  stop: AbortController,
  send: (part: UploadPart) => Promise<NumberedPart>,
): Promise<NumberedPart[]> {
  const { concurrency, partBytes } = calls.tuning;
  const sent: NumberedPart[] = [];
  const running = new Set<Promise<void>>();
  const begin = (part: UploadPart): void => {
    const job = send(part)
      .then((done) => void sent.push(done))
      .catch((error) => stop.abort(error))
      .finally(() => {
        running.delete(job);
        part.release();
      });
    running.add(job);
  };
  begin(first);
  try {
    for await (const part of rest) {
      begin(part);
      // Large parts go one by one: memory is what is bounded.
      const most = Math.max(1, Math.floor((concurrency * partBytes) / part.bytes.length));
      while (running.size >= most) await Promise.race(running);
      signal.throwIfAborted();
    }
  } catch (error) {
    stop.abort(error);
  }
  await Promise.all(running);
  signal.throwIfAborted();
  return sent.sort((a, b) => a.number - b.number);
}

async function sendPart(self: Upload, UploadId: string | undefined, part: UploadPart): Promise<NumberedPart> {
  const { calls, key, signal } = self;
  if (part.number > MOST_PARTS) {
    throw new RecoveryError('STORE_UNFIT', `${calls.url}/${key} is larger than an object can be`, {
      next: 'Split the data over several Redis shards: S3 takes 5 TiB in one object.',
    });
  }
  const sent = checksumsOf(part.bytes, calls.checksum);
  const request = { ...objectOf(self), ...checksumFields(part.bytes, sent), UploadId, PartNumber: part.number };
  const answer = await calls.call({ key, signal, patient: true }, async (client) => {
    const answered = await client.send(new UploadPartCommand({ ...request, Body: part.bytes }), { abortSignal: signal });
    return { ...answered, isProven: isProvenStored(sent, answered, whereOf(self)) };
  });
  self.onBytes(part.bytes.length);
  const { checksum, sizeBytes } = sent;
  return { number: part.number, sizeBytes, ...(checksum && { checksum }), ETag: answer.ETag, isProven: answer.isProven };
}

/**
 * Makes the object exist, and counts it as stored when that is proven. A request whose answer was lost is sent again, and
 * then finds its own object in the way, or its upload gone. So when it fails, the object that is there says who wrote it.
 */
async function publish(self: Upload, sent: Checksums, send: (client: S3Client) => Promise<object>): Promise<void> {
  const { calls, key, signal } = self;
  try {
    await calls.call({ key, signal, patient: true }, async (client) => {
      if (!isProvenStored(sent, await send(client), whereOf(self))) await requireProofOfHead(self, sent);
    });
  } catch (error) {
    signal.throwIfAborted();
    const found = await headOf(self).catch(() => undefined); // nothing there, or the store is away: the first error says more
    const isOurs = found?.Metadata?.[ATTEMPT] === self.attempt && found.ContentLength === sent.sizeBytes;
    if (!isOurs || !isProvenStored(sent, found, whereOf(self))) throw error;
  }
}

async function requireProofOfHead(self: Upload, sent: Checksums): Promise<void> {
  const found = await headOf(self).catch((error) => {
    throw hasCode(error, 'OBJECT_MISSING') ? unproven(whereOf(self), 'HEAD says that it is not there') : error;
  });
  const { ContentLength: sizeBytes } = found;
  if (sizeBytes !== sent.sizeBytes) throw unproven(whereOf(self), `HEAD says ${sizeBytes} bytes, ${sent.sizeBytes} were sent`);
  if (!isProvenStored(sent, found, whereOf(self)))
    throw unproven(whereOf(self), 'neither a checksum nor the ETag is that of the bytes');
}

const headOf = (self: Upload) => {
  const { calls, key, signal } = self;
  const mode = calls.checksum === 'md5' ? {} : { ChecksumMode: 'ENABLED' as const };
  return calls.call({ key, signal }, (client) => client.send(new HeadObjectCommand({ ...objectOf(self), ...mode })));
};

/** Of a store without If-None-Match, HEAD says whether the key is taken: two that write in the same moment are not seen. */
async function fenceOf(self: Upload): Promise<{ IfNoneMatch?: string }> {
  if (!self.ifAbsent) return {};
  if (self.calls.hasConditionalPut) return { IfNoneMatch: '*' };
  const isThere = await headOf(self).then(
    () => true,
    (error) => {
      if (hasCode(error, 'OBJECT_MISSING')) return false;
      throw error;
    },
  );
  if (isThere) throw objectExists(self.calls.url, self.key);
  return {};
}

const objectOf = ({ calls, key }: Upload) => ({ Bucket: calls.bucket, Key: calls.full(key) });
const whereOf = ({ calls, key }: Upload): string => `${calls.url}/${key}`;
const named = (checksum: Checksums['checksum']) => (checksum ? { [checksum.field]: checksum.value } : {});
const hasCode = (error: unknown, code: ErrorCode): boolean => error instanceof RecoveryError && error.code === code;
