import { RecoveryError } from '../../model/errors.ts';
import { Crc64 } from './crc64.ts';
import { checksumMismatch, malformedRdb, RdbError } from './errors.ts';
import { TRAILER_BYTES, trailerBytesOf } from './format.ts';
import { KeyClasses } from './key-classes.ts';
import type { ExpiryForm } from './rare-steps.ts';
import { shiftListpack } from './shift-listpack.ts';
import { Tally } from './tally.ts';
import { Walker } from './walker.ts';

/**
 * Moves the expiry of every key and of every hash field of an RDB as it goes by, for a clone that is to look as if its data
 * were of today, and gives it the CRC64 that it then has. What would come out before 1970 becomes 1 ms after it. The size
 * stays, but for hashes that are packed by LZF: those come out unpacked. Memory: two chunks, 192 KiB, and such a hash twice.
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
  form: ExpiryForm;
  offset: number;
  bytes: number;
}

/** A hash of more fields than `hash-max-listpack-entries`, 512, is none, nor is one with a value of more than 64 bytes. */
const LARGEST_LISTPACK_BYTES = 64 * 1024 ** 2;

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
    this.#walker.onExpiry = (form, offset, bytes) => {
      if (bytes > LARGEST_LISTPACK_BYTES) throw unmovable(`at byte ${offset} is a hash of ${bytes} bytes in one piece`);
      this.#expiries.push({ form, offset, bytes });
    };
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
    if (!this.#walker.isAtEnd(total) || this.#held.length < TRAILER_BYTES) throw malformedRdb(`it ends at byte ${total}`);
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
      if (!(error instanceof RdbError)) throw error;
      if (error.kind === 'broken') throw malformedRdb(error.message);
      throw unmovable(error.message);
    }
  }

  /** A copy with the expiries that lie in it moved; the bytes themselves if there are none. */
  #moved(bytes: Buffer): Buffer {
    const end = this.#heldAt + bytes.length;
    const count = this.#expiries.findIndex(({ offset }) => offset >= end);
    const inside = this.#expiries.splice(0, count < 0 ? this.#expiries.length : count);
    if (inside.length === 0) return bytes;
    const moved = Buffer.from(bytes);
    const out: Buffer[] = [];
    let from = 0;
    for (const { form, offset, bytes: size } of inside) {
      const at = offset - this.#heldAt;
      if (form !== 'listpack') {
        this.#move(moved, at, { form, size });
        continue;
      }
      const listpack = shiftListpack(bytes.subarray(at, at + size), (atMs) => this.#at(atMs));
      if (!listpack) throw malformedRdb(`damaged listpack of hash fields at byte ${offset}`);
      out.push(moved.subarray(from, at), listpack);
      from = at + size;
    }
    return from === 0 ? moved : Buffer.concat([...out, moved.subarray(from)]);
  }

  #move(bytes: Buffer, at: number, { form, size }: { form: ExpiryForm; size: number }): void {
    if (form === 'seconds') {
      const seconds = bytes.readInt32LE(at) + Math.round(this.#deltaMs / 1000);
      bytes.writeInt32LE(Math.min(2 ** 31 - 1, Math.max(1, seconds)), at);
    } else if (form === 'fieldLength') {
      if (size === 9) bytes.writeBigInt64BE(this.#at(bytes.readBigInt64BE(at + 1)), at + 1); // shorter: there is none
    } else {
      const atMs = bytes.readBigInt64LE(at);
      const isNone = form === 'fieldMs' && atMs <= 0n; // 0 in Redis, -1 in Valkey
      if (!isNone) bytes.writeBigInt64LE(this.#at(atMs), at);
    }
  }

  #at(atMs: bigint): bigint {
    const moved = atMs + BigInt(Math.round(this.#deltaMs));
    return moved > 0n ? moved : 1n;
  }
}

const unmovable = (why: string): RecoveryError =>
  new RecoveryError('RESTORE_REFUSED', `the expiries of this RDB cannot be moved: ${why}`, {
    next: 'Restore it with its own times to live.',
  });
