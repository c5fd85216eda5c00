import { Cursor, LZF, RAW } from './cursor.ts';
import { RdbError } from './errors.ts';
import { PROGRAM, type RdbVersion, START, trailerBytesOf } from './format.ts';
import { type KeyClasses, LONGEST_KEY_BYTES } from './key-classes.ts';
import { DEEPEST_LOOP, DO } from './layout.ts';
import { unpackString } from './packed-string.ts';
import { takeRareStep, type Walking } from './rare-steps.ts';
import type { Tally } from './tally.ts';

/** What must be at hand at once is at most a key with its head. What a chunk ends in is kept, and joined with the next one. */
const CARRY_BYTES = 2 * LONGEST_KEY_BYTES;
const LONGEST_NUMBER_BYTES = 11;

/**
 * Follows the structure of an RDB through chunks that may end anywhere, and tells the tally what it meets. Values are stepped
 * over without being looked at. Memory: 192 KiB, whatever the file; nothing is made for the single key.
 */
export class Walker implements Walking {
  header?: RdbVersion;
  entries: Int32Array = new Int32Array(256).fill(-1);
  readonly tally: Tally;
  readonly templates: Map<number, number> = new Map();
  auxName = '';
  expireAtMs: number = Number.NaN;
  onExpiry: Walking['onExpiry'];
  readonly #cursor = new Cursor();
  readonly #classes: KeyClasses;
  #step: number = START;
  /** How often the body of each loop around is still to come; the innermost is at #depth. */
  readonly #left: Float64Array = new Float64Array(DEEPEST_LOOP);
  #depth = -1;
  readonly #carry: Uint8Array = Buffer.allocUnsafeSlow(CARRY_BYTES);
  #carried = 0;
  readonly #unpacked: Uint8Array;

  constructor(classes: KeyClasses, tally: Tally) {
    this.#classes = classes;
    this.tally = tally;
    this.#unpacked = Buffer.allocUnsafeSlow(Math.max(classes.bytesNeeded, LONGEST_NUMBER_BYTES));
  }

  /** Where reading is, or where it stopped. */
  get offset(): number {
    return this.#cursor.offset;
  }

  /** What was given and not read yet: the beginning of something that the next chunk completes. */
  get unread(): Uint8Array {
    return this.#carry.subarray(0, this.#carried);
  }

  /** Whether the end of the RDB was read and these are all of its bytes. */
  isAtEnd(totalBytes: number): boolean {
    const operation = PROGRAM[this.#step];
    const hasEnded = operation === DO.nothing || (operation === DO.trailer && this.header && trailerBytesOf(this.header) === 0);
    return hasEnded === true && this.offset === totalBytes;
  }

  /** @throws RdbError where it cannot go on, RecoveryError `RDB_FOREIGN` */
  feed(chunk: Uint8Array): void {
    const cursor = this.#cursor;
    if (this.#carried > 0) cursor.position = this.#joinCarried(chunk);
    if (this.#carried > 0) return;
    cursor.bytes = chunk;
    cursor.end = chunk.length;
    this.#walk(chunk.length);
    this.#carried = Math.max(0, chunk.length - cursor.position);
    if (this.#carried > 0) this.#carry.set(chunk.subarray(cursor.position));
    cursor.base += chunk.length - this.#carried;
    cursor.position = this.#carried > 0 ? 0 : cursor.position - chunk.length;
  }

  /** Goes on with what the last chunk ended in. @returns where in this chunk that leads to, unless it is still not complete */
  #joinCarried(chunk: Uint8Array): number {
    const cursor = this.#cursor;
    const carried = this.#carried;
    const taken = Math.min(chunk.length, CARRY_BYTES - carried);
    this.#carry.set(chunk.subarray(0, taken), carried);
    cursor.bytes = this.#carry;
    cursor.end = carried + taken;
    this.#walk(carried);
    const complete = cursor.position >= carried;
    if (!complete) this.#carry.copyWithin(0, cursor.position, cursor.end);
    this.#carried = complete ? 0 : cursor.end - cursor.position;
    cursor.base += complete ? carried : cursor.position;
    return complete ? cursor.position - carried : 0;
  }

  /** Takes the steps that begin before `stop`. It ends at one whose bytes are not all here; nothing has then changed. */
  #walk(stop: number): void {
    const cursor = this.#cursor;
    let taken = true;
    while (taken && cursor.position < stop) {
      const operation = PROGRAM[this.#step] as number;
      switch (operation) {
        case DO.record:
          taken = this.#record(cursor);
          break;
        case DO.expireMs:
          taken = this.#expireMs(cursor);
          break;
        case DO.key:
          taken = this.#key(cursor);
          break;
        case DO.string:
          taken = cursor.stringHead() && this.skip(cursor.value);
          break;
        case DO.length:
          taken = cursor.length() && this.skip(0);
          break;
        case DO.bytes:
          this.skip(PROGRAM[this.#step + 1] as number);
          break;
        case DO.many:
          taken = cursor.length() && this.enter(cursor.value);
          break;
        case DO.again:
          this.#again();
          break;
        default:
          taken = takeRareStep(operation, this, cursor);
      }
    }
  }

  skip(bytes: number): true {
    this.#cursor.position += bytes;
    this.#step += 2;
    return true;
  }

  enter(count: number): true {
    if (count === 0) this.#step = PROGRAM[this.#step + 1] as number;
    else {
      this.#left[++this.#depth] = count;
      this.#step += 2;
    }
    return true;
  }

  #again(): true {
    const left = (this.#left[this.#depth] as number) - 1;
    this.#left[this.#depth] = left;
    if (left > 0) this.#step = PROGRAM[this.#step + 1] as number;
    else {
      this.#depth -= 1;
      this.#step += 2;
    }
    return true;
  }

  #record(cursor: Cursor): true {
    const code = cursor.bytes[cursor.position] as number;
    const entry = this.entries[code] as number;
    if (entry < 0) {
      const { magic, version } = this.header ?? {};
      throw new RdbError(
        'unknown',
        `type or opcode ${code} at byte ${cursor.offset} is not known in ${magic} RDB version ${version}`,
      );
    }
    this.#step = entry;
    cursor.position += 1;
    return true;
  }

  #expireMs(cursor: Cursor): boolean {
    const { position } = cursor;
    if (position + 8 > cursor.end) return false;
    this.expireAtMs = cursor.littleEndian(position) + (cursor.littleEndian(position + 4) | 0) * 2 ** 32;
    if (this.onExpiry !== undefined) this.onExpiry('ms', cursor.offset, 8);
    return this.skip(8);
  }

  #key(cursor: Cursor): boolean {
    const at = cursor.position;
    if (!cursor.stringHead()) return false;
    const { value, position: start } = cursor;
    const raw = cursor.encoding === RAW;
    const here = Math.min(value, raw ? this.#classes.bytesNeeded : LONGEST_KEY_BYTES);
    if (start + here > cursor.end) {
      cursor.position = at;
      return false;
    }
    const index = raw
      ? this.#classes.classOf(cursor.bytes, start, start + here, here === value)
      : this.#classOfPacked(cursor, start, here);
    this.tally.count(index, this.expireAtMs);
    this.expireAtMs = Number.NaN;
    return this.skip(value);
  }

  #classOfPacked(cursor: Cursor, start: number, here: number): number {
    const out = this.#unpacked;
    const { encoding, value, unpackedBytes } = cursor;
    const length = unpackString(encoding, cursor.bytes, start, here, out);
    const tooShort = length < Math.min(unpackedBytes, out.length) && here === value;
    if (encoding === LZF && (length < 0 || length > unpackedBytes || tooShort))
      throw cursor.broken('damaged LZF string as a key');
    return this.#classes.classOf(out, 0, length, encoding !== LZF || length === unpackedBytes);
  }
}
