import assert from 'node:assert/strict';
import { type ErrorCode, RecoveryError } from '../../model/errors.ts';
import type { ObjectStore } from '../../repository/stores/object-store.ts';

/** A body of these pieces. */
export async function* bytes(...pieces: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

/** A body that fails after its bytes. */
export async function* cutShort(piece: string | Buffer, error: unknown = new Error('connection lost')): AsyncGenerator<Buffer> {
  yield Buffer.from(piece);
  throw error;
}

/** A body that gives its bytes, says so, and then waits for ever. */
export async function* never(piece: Buffer, waits: () => void): AsyncGenerator<Buffer> {
  yield piece;
  waits();
  await new Promise(() => {});
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const text = async (body: AsyncIterable<Uint8Array>): Promise<string> => (await collect(body)).toString();

export async function size(body: AsyncIterable<Uint8Array>): Promise<number> {
  let total = 0;
  for await (const chunk of body) total += chunk.length;
  return total;
}

export async function keysOf(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, { after })) keys.push(key);
  return keys;
}

/** Expects a RecoveryError with this code, whose message says something and whose next step is a sentence. */
export async function refuses(
  work: Promise<unknown> | (() => Promise<unknown>),
  code: ErrorCode,
  message?: RegExp,
): Promise<RecoveryError> {
  let thrown: unknown;
  await assert.rejects(typeof work === 'function' ? work() : work, (error) => {
    thrown = error;
    return true;
  });
  if (!(thrown instanceof RecoveryError)) throw thrown;
  assert.equal(thrown.code, code, thrown.message);
  assert.match(thrown.next, /\w.*[.`]?/);
  if (message) assert.match(thrown.message, message);
  return thrown;
}
