import { hasCode, RecoveryError } from '../model/errors.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** A text as the body of an object. */
export async function* textBody(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

/**
 * A small object as text; undefined if there is none. Read once more where the store says that its bytes have changed: a bit
 * that flipped on the way is no damage.
 * @throws RecoveryError `MANIFEST_INVALID` if it is damaged in the store, or larger than anything of ours: it would fill the memory
 */
export async function readText(store: ObjectStore, key: string, maxBytes: number): Promise<string | undefined> {
  try {
    return await readOnce(store, key, maxBytes);
  } catch (error) {
    if (!hasCode(error, 'OBJECT_CORRUPT')) throw error;
  }
  try {
    return await readOnce(store, key, maxBytes);
  } catch (error) {
    throw hasCode(error, 'OBJECT_CORRUPT') ? unusable(`${store.url}/${key}`, `is damaged: ${error.message}`) : error;
  }
}

async function readOnce(store: ObjectStore, key: string, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of await store.get(key)) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw unusable(`${store.url}/${key}`, `has more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return undefined;
    throw error;
  }
  return Buffer.concat(chunks).toString('utf8');
}

const unusable = (url: string, why: string): RecoveryError =>
  new RecoveryError('MANIFEST_INVALID', `${url} ${why}`, {
    next: 'Find out who wrote into this folder of the repository.',
  });
