import { createHash } from 'node:crypto';

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
