import { RecoveryError } from '../../model/errors.ts';
import { Crc64 } from './crc64.ts';
import { TRAILER_BYTES, trailerBytesOf } from './format.ts';
import { KeyClasses } from './key-classes.ts';
import { Tally } from './tally.ts';
import { checksumMismatch, malformed, RdbTrouble } from './trouble.ts';
import { Walker } from './walker.ts';

/**
 * Moves the expiry of every key of an RDB as it goes by, for a clone that is to look as if its data were of today, and gives
 * it the CRC64 that it then has. The size stays. What would come out before 1970 becomes 1 ms after it. Times to live of
 * single hash fields stay as they are: they stand within values that are not looked at, and may make those fields expire.
 * Memory: two chunks and 192 KiB.
 * @param deltaMs - added to each; may be negative
 * @throws RecoveryError `RDB_MALFORMED`, `RDB_FOREIGN`; `RDB_CHECKSUM_MISMATCH` before the last eight bytes go out, so that
 *   no damaged RDB gets a right checksum; `RESTORE_REFUSED` when it has something that is not understood
 */
export async function* shiftRdbExpiries(rdb: AsyncIterable<Buffer>, deltaMs: number): AsyncGenerator<Buffer> {
  const shift = new Shift(deltaMs);
  for await (const chunk of rdb) {
    const out = shift.pass(chunk);
    if (out.length > 0) yield out;
  }
  yield shift.end();
}

interface Expiry {
  offset: number;
  bytes: 4 | 8;
}

class Shift {
  readonly #deltaMs: number;
  readonly #walker = new Walker(new KeyClasses([]), new Tally([], 0));
  readonly #before = new Crc64();
  readonly #after = new Crc64();
  /** Read, and not passed on: it may be the beginning of an expiry, or the trailer. */
  #held: Buffer = Buffer.alloc(0);
  #heldAt = 0;
  #expiries: Expiry[] = [];

  constructor(deltaMs: number) {
    this.#deltaMs = deltaMs;
    this.#walker.onExpiry = (offset, bytes) => this.#expiries.push({ offset, bytes });
  }

  pass(chunk: Buffer): Buffer {
    const window = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    this.#feed(chunk);
    const known = window.length - Math.max(TRAILER_BYTES, this.#walker.unread.length);
    const cut = this.#expiries.find(({ offset, bytes }) => offset + bytes > this.#heldAt + known);
    const until = Math.max(0, cut ? cut.offset - this.#heldAt : known);
    const settled = window.subarray(0, until);
    this.#before.update(settled);
    const out = this.#moved(settled);
    this.#after.update(out);
    this.#held = Buffer.from(window.subarray(until)); // a copy: the chunk belongs to its giver
    this.#heldAt += until;
    return out;
  }

  end(): Buffer {
    const total = this.#heldAt + this.#held.length;
    const { header } = this.#walker;
    if (!this.#walker.isAtEnd(total) || this.#held.length < TRAILER_BYTES) throw malformed(`it ends at byte ${total}`);
    if (header && trailerBytesOf(header) === 0) return this.#moved(this.#held);
    const stored = this.#held.readBigUInt64LE();
    if (stored === 0n) return this.#held; // the server ran with `rdbchecksum no`
    if (stored !== this.#before.value) throw checksumMismatch(stored, this.#before.value, this.#heldAt);
    const trailer = Buffer.alloc(TRAILER_BYTES);
    trailer.writeBigUInt64LE(this.#after.value);
    return trailer;
  }

  #feed(chunk: Buffer): void {
    try {
      this.#walker.feed(chunk);
    } catch (error) {
      if (!(error instanceof RdbTrouble)) throw error;
      if (error.kind === 'broken') throw malformed(error.message);
      throw new RecoveryError('RESTORE_REFUSED', `the expiries of this RDB cannot be moved: ${error.message}`, {
        next: 'Restore it with its own times to live.',
      });
    }
  }

  /** A copy with the expiries that lie in it moved; the bytes themselves if there are none. */
  #moved(bytes: Buffer): Buffer {
    const end = this.#heldAt + bytes.length;
    const count = this.#expiries.findIndex(({ offset }) => offset >= end);
    const inside = this.#expiries.splice(0, count < 0 ? this.#expiries.length : count);
    if (inside.length === 0) return bytes;
    const moved = Buffer.from(bytes);
    for (const expiry of inside) this.#move(moved, expiry.offset - this.#heldAt, expiry.bytes);
    return moved;
  }

  #move(bytes: Buffer, at: number, size: 4 | 8): void {
    if (size === 8) {
      const atMs = Number(bytes.readBigInt64LE(at)) + this.#deltaMs;
      bytes.writeBigInt64LE(BigInt(Math.max(1, atMs)), at);
    } else {
      const seconds = bytes.readInt32LE(at) + Math.round(this.#deltaMs / 1000);
      bytes.writeInt32LE(Math.min(2 ** 31 - 1, Math.max(1, seconds)), at);
    }
  }
}
