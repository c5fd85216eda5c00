import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { RecoveryError } from '../../model/errors.ts';
import { interruptible } from './interruptible.ts';
import type { PutOptions } from './object-store.ts';
import type { S3Calls } from './s3-calls.ts';
import { type BufferPool, intoParts, MOST_PARTS, type Part } from './s3-parts.ts';

/** Metadata of every object: which attempt wrote it. So a writer knows its own object when the answer to it was lost. */
const ATTEMPT = 'attempt';

interface Upload {
  calls: S3Calls;
  key: string;
  /** `*` or nothing. */
  ifNoneMatch?: string;
  attempt: string;
  /** Aborted by the caller, or by the first part that fails. */
  signal: AbortSignal;
  onBytes: (bytes: number) => void;
}

/** Uploads a body of unknown length: in one request if it fits into one part, else as a multipart upload. */
export async function upload(
  calls: S3Calls,
  key: string,
  body: AsyncIterable<Uint8Array>,
  pool: BufferPool,
  options: PutOptions,
): Promise<void> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let stored = 0;
  const onBytes = (bytes: number) => {
    stored += bytes;
    options.onProgress?.(stored);
  };
  const ifNoneMatch = options.ifAbsent ? '*' : undefined;
  const self: Upload = { calls, key, ifNoneMatch, attempt: randomUUID(), signal, onBytes };
  const parts = intoParts(interruptible(body, signal), calls.tuning.partBytes, pool);
  try {
    const first = await parts.next();
    if (first.done) throw new RecoveryError('INTERNAL', 'a body without parts', { next: 'Report this.' });
    if (first.value.last) await putWhole(self, first.value);
    else await putParts(self, first.value, parts, stop);
  } finally {
    await parts.return(undefined);
  }
}

async function putWhole(self: Upload, part: Part): Promise<void> {
  const { calls, key, signal, attempt } = self;
  const request = {
    Bucket: calls.bucket,
    Key: calls.full(key),
    Body: part.bytes,
    ChecksumCRC32: crcOf(part.bytes),
    IfNoneMatch: self.ifNoneMatch,
    Metadata: { [ATTEMPT]: attempt },
  };
  try {
    await unlessOurs(self, async () => {
      const call = { key, signal, patient: true };
      const answer = await calls.call(call, (client) => client.send(new PutObjectCommand(request), { abortSignal: signal }));
      sameChecksum(self, request.ChecksumCRC32, answer.ChecksumCRC32);
    });
    self.onBytes(part.bytes.length);
  } finally {
    part.release();
  }
}

async function putParts(self: Upload, first: Part, rest: AsyncGenerator<Part>, stop: AbortController): Promise<void> {
  const { calls, key, signal, attempt } = self;
  const object = { Bucket: calls.bucket, Key: calls.full(key) };
  const create = { ...object, ChecksumAlgorithm: 'CRC32' as const, Metadata: { [ATTEMPT]: attempt } };
  const { UploadId } = await calls.call({ key, signal, patient: true }, (client) =>
    client.send(new CreateMultipartUploadCommand(create), { abortSignal: signal }),
  );
  try {
    const Parts = await sendAll(self, first, rest, stop, (part) => sendPart(self, UploadId, part));
    const complete = { ...object, UploadId, MultipartUpload: { Parts }, IfNoneMatch: self.ifNoneMatch };
    await unlessOurs(self, () =>
      calls.call({ key, signal, patient: true }, (client) =>
        client.send(new CompleteMultipartUploadCommand(complete), { abortSignal: signal }),
      ),
    );
  } catch (error) {
    // Not with the signal: it may be what ended the upload. If it fails too, sweepUnfinished finds the upload later.
    await calls
      .call({ key }, (client) => client.send(new AbortMultipartUploadCommand({ ...object, UploadId })))
      .catch(() => undefined);
    throw error;
  }
}

/** Sends parts, a few at once, in whatever order they end. The first failure stops the others, and the body. */
async function sendAll(
  { calls, signal }: Upload,
  first: Part,
  rest: AsyncGenerator<Part>,
  stop: AbortController,
  send: (part: Part) => Promise<CompletedPart>,
): Promise<CompletedPart[]> {
  const { concurrency, partBytes } = calls.tuning;
  const sent: CompletedPart[] = [];
  const running = new Set<Promise<void>>();
  const begin = (part: Part): void => {
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
  return sent.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
}

async function sendPart(self: Upload, UploadId: string | undefined, part: Part): Promise<CompletedPart> {
  const { calls, key, signal } = self;
  if (part.number > MOST_PARTS) {
    throw new RecoveryError('STORE_UNFIT', `${calls.url}/${key} is larger than an object can be`, {
      next: 'Split the data over several Redis shards: S3 takes 5 TiB in one object.',
    });
  }
  const ChecksumCRC32 = crcOf(part.bytes);
  const object = { Bucket: calls.bucket, Key: calls.full(key), UploadId, PartNumber: part.number };
  const answer = await calls.call({ key, signal, patient: true }, async (client) => {
    const request = new UploadPartCommand({ ...object, Body: part.bytes, ChecksumCRC32 });
    const answered = await client.send(request, { abortSignal: signal });
    sameChecksum(self, ChecksumCRC32, answered.ChecksumCRC32);
    return answered;
  });
  self.onBytes(part.bytes.length);
  return { PartNumber: part.number, ETag: answer.ETag, ChecksumCRC32 };
}

/**
 * A request whose answer was lost is sent again, and then finds its own object in the way, or its upload gone. So when
 * publishing fails, the object that is there says who wrote it.
 */
async function unlessOurs({ calls, key, signal, attempt }: Upload, publish: () => Promise<unknown>): Promise<void> {
  try {
    await publish();
  } catch (error) {
    signal.throwIfAborted();
    const found = await calls
      .call({ key, signal }, (client) => client.send(new HeadObjectCommand({ Bucket: calls.bucket, Key: calls.full(key) })))
      .catch(() => undefined); // nothing there, or the store is away: the first error says more
    if (found?.Metadata?.[ATTEMPT] !== attempt) throw error;
  }
}

function crcOf(bytes: Buffer): string {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(bytes));
  return crc.toString('base64');
}

function sameChecksum({ calls, key }: Upload, sent: string, stored: string | undefined): void {
  if (stored === undefined || stored === sent) return; // some servers check without telling
  throw new RecoveryError('OBJECT_CORRUPT', `${calls.url}/${key}: the store has CRC32 ${stored}, ${sent} was sent`, {
    next: 'Repeat it; if it comes back, look for broken memory or a proxy that changes bytes.',
  });
}
