import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { RecoveryError } from '../../model/errors.ts';
import { releaseChunk } from '../pipeline/release.ts';
import type { GetOptions } from './object-store.ts';
import { pause } from './pause.ts';
import { backoffMs, isUnreachable } from './retry.ts';
import { notS3 } from './s3-answers.ts';
import type { S3Calls } from './s3-calls.ts';
import { httpStatusOf } from './s3-errors.ts';
import type { PartBuffers } from './s3-parts.ts';

type Body = AsyncIterable<Uint8Array>;

interface Source {
  calls: S3Calls;
  key: string;
  /** Of the object that was opened first: what is read later must be the same one. */
  etag?: string;
  signal?: AbortSignal;
}

/**
 * Opens an object. A small one is one response, whose checksum the SDK checks; a large one is read in pieces, a few at
 * once, because one connection to S3 gives a tenth of what the link has.
 * Memory: `concurrency` pieces and one. Every piece goes on where its connection was cut.
 */
export async function download(calls: S3Calls, key: string, pool: PartBuffers, options: GetOptions): Promise<Body> {
  const { offset = 0, length, signal } = options;
  const source: Source = { calls, key, signal };
  const first = await open(source, offset, length === undefined ? undefined : offset + Math.max(length, 1));
  if (first === undefined) return nothing();
  source.etag = first.ETag;
  const end = offset + Math.min(length ?? Infinity, first.ContentLength ?? 0);
  const body = first.Body as Body;
  const { pieceBytes } = calls.tuning;
  if (end - offset <= 2 * pieceBytes) return resumed(source, offset, end, body);
  return inPieces(source, offset, end, body, pool, options.lends);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* inPieces(
  source: Source,
  from: number,
  end: number,
  first: Body,
  pool: PartBuffers,
  lends = false,
): AsyncGenerator<Uint8Array> {
  const { pieceBytes, partBytes, concurrency } = source.calls.tuning;
  // As large as the parts of an upload: a worker that backs up and restores has them only once. What isn't written takes no memory.
  const take = () => (lends ? pool.take(Math.max(pieceBytes, partBytes)) : Buffer.allocUnsafeSlow(pieceBytes));
  const stop = new AbortController();
  const signal = source.signal ? AbortSignal.any([source.signal, stop.signal]) : stop.signal;
  const pieces: Promise<Piece>[] = [];
  let next = from;
  const begin = (body?: Body): void => {
    if (next >= end) return;
    const to = Math.min(next + pieceBytes, end);
    const piece = collected(resumed({ ...source, signal }, next, to, body), take());
    piece.catch(() => undefined); // it is thrown where the piece is awaited
    pieces.push(piece);
    next = to;
  };
  try {
    begin(first);
    while (pieces.length < concurrency && next < end) begin();
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      const { block, bytes } = await piece;
      begin();
      yield block.subarray(0, bytes);
      if (lends) pool.put(block);
    }
  } finally {
    stop.abort();
    const unread = await Promise.allSettled(pieces);
    for (const piece of unread) if (lends && piece.status === 'fulfilled') pool.put(piece.value.block);
  }
}

interface Piece {
  block: Buffer;
  bytes: number;
}

/** Copies a piece together. Chunks of the network are given back at once: they would be garbage of the size of the data. */
async function collected(body: Body, block: Buffer): Promise<Piece> {
  let bytes = 0;
  for await (const chunk of body) {
    block.set(chunk, bytes);
    bytes += chunk.length;
    releaseChunk(chunk);
  }
  return { block, bytes };
}

/** Bytes `from` to `to` (exclusive). Gives up when nothing came for the length of our patience. */
async function* resumed(source: Source, from: number, to: number, body?: Body): AsyncGenerator<Uint8Array> {
  const { calls, key, signal } = source;
  let at = from;
  let progressMs = Date.now();
  for (let failures = 0; body || at < to; body = undefined) {
    try {
      body ??= (await open(source, at, to))?.Body as Body | undefined;
      for await (const chunk of body ?? nothing()) {
        const wanted = at + chunk.length > to ? chunk.subarray(0, to - at) : chunk;
        at += wanted.length;
        progressMs = Date.now();
        failures = 0;
        if (wanted.length > 0) yield wanted;
        if (wanted.length < chunk.length) return; // the first response goes on to the end of the object: let it go
      }
      if (at < to) throw cutShort(calls, key, to - at);
    } catch (error) {
      signal?.throwIfAborted();
      const ours = calls.translated(error, key);
      const waitMs = backoffMs(++failures);
      if (!isUnreachable(ours) || Date.now() + waitMs - progressMs > calls.tuning.retryForMs) throw ours;
      await pause(waitMs, signal);
    }
  }
}

/** Undefined if the object has no byte at `from`. @throws RecoveryError `OBJECT_MISSING`, `OBJECT_CORRUPT` if it was replaced */
async function open(
  { calls, key, etag, signal }: Source,
  from: number,
  to?: number,
): Promise<GetObjectCommandOutput | undefined> {
  const whole = from === 0 && to === undefined;
  const request = {
    Bucket: calls.bucket,
    Key: calls.full(key),
    Range: whole ? undefined : `bytes=${from}-${to === undefined ? '' : to - 1}`,
    IfMatch: etag,
  };
  return calls.call({ key, signal }, async (client) => {
    try {
      const answer = await client.send(new GetObjectCommand(request), { abortSignal: signal });
      if (from > 0 && !answer.ContentRange?.startsWith(`bytes ${from}-`)) throw otherRange(calls, key, answer.ContentRange);
      return answer;
    } catch (error) {
      if (httpStatusOf(error) === 416 && etag === undefined) return undefined;
      if (httpStatusOf(error) === 412) throw replaced(calls, key);
      throw error;
    }
  });
}

const otherRange = (calls: S3Calls, key: string, range = 'all of it'): RecoveryError =>
  notS3(`${calls.url}/${key}`, `gave ${range} where a later part was asked for`);

const cutShort = (calls: S3Calls, key: string, missing: number): RecoveryError =>
  new RecoveryError('STORE_UNREACHABLE', `${calls.url}/${key}: the connection ended ${missing} bytes too early`, {
    next: 'Check the network to the object store; the operation may be repeated.',
  });

const replaced = (calls: S3Calls, key: string): RecoveryError =>
  new RecoveryError('OBJECT_CORRUPT', `${calls.url}/${key} was replaced while it was read`, {
    next: 'Find out who writes into this bucket: objects of a repository never change.',
  });
