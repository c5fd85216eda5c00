import { createHash } from 'node:crypto';
import { RecoveryError } from '../../model/errors.ts';

export interface Digest {
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

/** Passes bytes through and says at their end how many there were and what their SHA-256 is. */
export async function* digesting<T extends Uint8Array>(
  source: AsyncIterable<T>,
  onEnd: (digest: Digest) => void,
): AsyncGenerator<T> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    bytes += chunk.length;
    yield chunk;
  }
  onEnd({ bytes, sha256: hash.digest('hex') });
}

/**
 * Passes bytes through and refuses them at their end unless they are those of the manifest.
 * @param what - for the message: the URL of the object
 * @throws RecoveryError `BACKUP_CORRUPT`, after the last byte went out: commit only when the pipeline is done
 */
export async function* verifying<T extends Uint8Array>(
  source: AsyncIterable<T>,
  wanted: Digest,
  what: string,
): AsyncGenerator<T> {
  yield* digesting(source, (found) => {
    if (found.bytes !== wanted.bytes) throw corrupt(what, `has ${found.bytes} bytes, the manifest says ${wanted.bytes}`);
    if (found.sha256 !== wanted.sha256)
      throw corrupt(what, `has the SHA-256 ${found.sha256}, the manifest says ${wanted.sha256}`);
  });
}

/** @throws RecoveryError `BACKUP_CORRUPT` as soon as there are more bytes than wanted, or at the end if there are fewer */
export async function* verifyingSize<T extends Uint8Array>(
  source: AsyncIterable<T>,
  bytes: number,
  what: string,
): AsyncGenerator<T> {
  let seen = 0;
  for await (const chunk of source) {
    seen += chunk.length;
    if (seen > bytes) break;
    yield chunk;
  }
  if (seen !== bytes)
    throw corrupt(what, `unpacks to ${seen > bytes ? 'more' : 'fewer'} than the ${bytes} bytes of the manifest`);
}

/** Passes bytes through and says how many have gone by. */
export async function* counting<T extends Uint8Array>(
  source: AsyncIterable<T>,
  onBytes: (total: number) => void,
): AsyncGenerator<T> {
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    onBytes(total);
    yield chunk;
  }
}

const corrupt = (what: string, why: string): RecoveryError =>
  new RecoveryError('BACKUP_CORRUPT', `${what} ${why}`, {
    next: 'Restore another backup, and find out what changes objects in this store.',
  });
