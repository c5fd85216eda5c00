/** One part of an upload. `bytes` is a view of a buffer that is used again after `release()`. */
export interface UploadPart {
  /** From 1 on. */
  number: number;
  bytes: Buffer;
  /** No part comes after it. */
  last: boolean;
  release(): void;
}

/** The most parts that S3 takes. */
export const MOST_PARTS = 10_000;
const PARTS_A_SIZE = 2_000;
const SMALL_BYTES = 64 * 1024;

/**
 * How large part `number` is. The size is unknown when an upload begins, so parts grow fourfold every 2,000: with 5 MiB
 * they stay there up to 10 GiB, are 20 MiB up to 49 GiB, and 10,000 of them hold 3.2 TiB.
 */
const partSize = (number: number, firstBytes: number): number => firstBytes * 4 ** Math.floor((number - 1) / PARTS_A_SIZE);

/**
 * Cuts a body into parts; there is always at least one, which may be empty.
 * Memory: the parts not yet released, and one being filled. A body under 64 KiB takes only that.
 */
export async function* intoParts(
  body: AsyncIterable<Uint8Array>,
  firstBytes: number,
  pool: PartBuffers,
): AsyncGenerator<UploadPart> {
  let number = 1;
  let size = partSize(number, firstBytes);
  let buffer: Buffer = Buffer.allocUnsafe(Math.min(SMALL_BYTES, size));
  let filled = 0;
  const part = (last: boolean): UploadPart => {
    const whole = buffer;
    return { number, bytes: whole.subarray(0, filled), last, release: () => pool.put(whole) };
  };
  for await (const chunk of body) {
    for (let taken = 0; taken < chunk.length; ) {
      if (filled === size) {
        yield part(false); // not before more has come: only now is it known that this isn't the last
        size = partSize(++number, firstBytes);
        buffer = pool.take(size);
        filled = 0;
      } else if (filled === buffer.length) {
        const larger = pool.take(size);
        buffer.copy(larger, 0, 0, filled);
        buffer = larger;
      }
      const fits = Math.min(chunk.length - taken, buffer.length - filled);
      buffer.set(taken === 0 && fits === chunk.length ? chunk : chunk.subarray(taken, taken + fits), filled);
      filled += fits;
      taken += fits;
    }
  }
  yield part(true);
}

/** Buffers of one size that are used again and again: fresh ones for each part would keep the garbage collector behind. */
export class PartBuffers {
  readonly #free: Buffer[] = [];
  readonly #most: number;

  /** @param most - how many to keep for later */
  constructor(most: number) {
    this.#most = most;
  }

  take(bytes: number): Buffer {
    const at = this.#free.findIndex((buffer) => buffer.length === bytes);
    return this.#free.splice(at, at < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(bytes);
  }

  put(buffer: Buffer): void {
    if (buffer.length <= SMALL_BYTES) return;
    this.#free.unshift(buffer);
    this.#free.length = Math.min(this.#free.length, this.#most);
  }
}
