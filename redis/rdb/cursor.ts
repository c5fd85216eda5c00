import { RdbError } from './errors.ts';

/** Of a string that is stored as its bytes, and of the four other ways. */
export const RAW = -1;
export const INT8 = 0;
export const INT16 = 1;
export const INT32 = 2;
export const LZF = 3;

/**
 * Reads the two things that every RDB is made of, lengths and the heads of strings. What does not fit into the bytes at hand
 * is not read at all: the answer is false and the position stays. No object is made for anything read.
 * @see redis 7.0.15 src/rdb.c, rdbLoadLenByRef and rdbGenericLoadStringObject
 */
export class Cursor {
  bytes: Uint8Array = Buffer.allocUnsafeSlow(0);
  end = 0;
  /** May be past the end: what lies between is to be skipped in the chunks that follow. */
  position = 0;
  /** Offset in the RDB of the first of `bytes`. */
  base = 0;
  /** The length read last; of a string, its bytes in the file. Exact up to 2^53. */
  value = 0;
  high = 0;
  low = 0;
  /** Of the string whose head was read last. */
  encoding: number = RAW;
  /** Bytes of an LZF string when unpacked. */
  unpackedBytes = 0;

  length(): boolean {
    const { position } = this;
    if (position >= this.end) return false;
    const first = this.bytes[position] as number;
    if (first < 0x40) {
      this.value = first;
      this.high = 0;
      this.low = first;
      this.position = position + 1;
      return true;
    }
    if (first < 0x80) {
      if (position + 2 > this.end) return false;
      this.value = ((first & 0x3f) << 8) | (this.bytes[position + 1] as number);
      this.high = 0;
      this.low = this.value;
      this.position = position + 2;
      return true;
    }
    return this.#longLength(first);
  }

  #longLength(first: number): boolean {
    if (first > 0x81) throw this.broken(`length that begins with ${first}`);
    const long = first === 0x81;
    if (this.position + (long ? 9 : 5) > this.end) return false;
    this.high = long ? this.#bigEndian(this.position + 1) : 0;
    this.low = this.#bigEndian(this.position + (long ? 5 : 1));
    this.value = this.high * 2 ** 32 + this.low;
    this.position += long ? 9 : 5;
    return true;
  }

  /** The head of a string. The position is then at its bytes, of which there are `value`. */
  stringHead(): boolean {
    const { position } = this;
    if (position >= this.end) return false;
    const first = this.bytes[position] as number;
    if (first < 0xc0) {
      this.encoding = RAW;
      return this.length() && this.#plausible();
    }
    this.encoding = first & 0x3f;
    if (this.encoding > LZF) throw this.broken(`string encoding ${this.encoding}`);
    this.position = position + 1;
    if (this.encoding !== LZF) {
      this.value = 1 << this.encoding;
      return true;
    }
    return this.#packedHead(position);
  }

  #packedHead(position: number): boolean {
    if (this.length()) {
      const packed = this.value;
      if (this.length()) {
        this.unpackedBytes = this.value;
        this.value = packed;
        if (packed === 0 || packed > this.unpackedBytes)
          throw this.broken(`LZF string of ${packed} bytes for ${this.unpackedBytes}`);
        return this.#plausible();
      }
    }
    this.position = position;
    return false;
  }

  /** No server has 2^40 bytes in one string; skipping that far would hide the damage till the end. */
  #plausible(): boolean {
    if (this.value < 2 ** 40) return true;
    throw this.broken(`string of ${this.value} bytes`);
  }

  #bigEndian(at: number): number {
    const { bytes } = this;
    const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    return (a * 2 ** 24 + ((b << 16) | (c << 8) | d)) >>> 0;
  }

  littleEndian(at: number): number {
    const { bytes } = this;
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    return (low | ((bytes[at + 3] as number) << 24)) >>> 0;
  }

  get offset(): number {
    return this.base + this.position;
  }

  broken(what: string): RdbError {
    return new RdbError('broken', `${what} at byte ${this.offset}`);
  }
}
