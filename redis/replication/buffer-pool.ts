/** Bytes of one buffer. Large, so that a gigabyte is a thousand buffers and not sixty thousand. */
const BUFFER_BYTES = 1024 * 1024;

/** A read into less room than this part of a buffer isn't worth a system call: the next buffer is begun. */
const LEAST_ROOM = 1 / 16;

/** Buffers that are out and known by where they end: the oldest, which are in somebody's memory anyway. Others are left to V8. */
const MOST_OUT = 32;
/** Buffers that wait to be filled anew. */
const MOST_FREE = 10;

/** How long what `take` gives may be used: for ever, until the next `take`, or until it is given back by its number of bytes. */
export type Lending = 'never' | 'untilNext' | 'untilGivenBack';

/**
 * Collects what a socket reads in large pieces, without copying: the socket writes into `room()`, and `take()` hands out
 * views of it. The last `hold` bytes are always kept back and lie in one piece, so that an end mark which arrives split
 * is found and never handed out. Only those few bytes are copied, once per buffer.
 */
export class BufferPool {
  /** How many of the newest bytes `take` keeps back: all, as long as lines are read. */
  hold = Number.POSITIVE_INFINITY;
  readonly #size: number;
  #lending: Lending = 'never';
  #lent: Buffer | undefined;
  /** Bytes that were taken since `lend`. */
  #taken = 0;
  /** Buffers that are read no more into, and which byte is their last. */
  #out: { buffer: Buffer; end: number }[] = [];
  #free: Buffer[] = [];
  #buffer: Buffer;
  #start = 0;
  #end = 0;
  #full: Buffer[] = [];
  #fullBytes = 0;

  constructor(size = BUFFER_BYTES) {
    this.#size = size;
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  /** Bytes kept back or not, which nobody has taken. */
  get pending(): number {
    return this.#fullBytes + this.#end - this.#start;
  }

  /** Bytes that `take` would hand out. */
  get available(): number {
    return this.#fullBytes + Math.max(0, this.#end - this.#start - this.hold);
  }

  /** Buffers that are full and not yet taken. */
  get waiting(): number {
    return this.#full.length;
  }

  /** From the next `take` on, whose bytes are counted from 0. A buffer that comes back is filled anew: new ones are work for V8. */
  lend(lending: Lending): void {
    this.#takeBack();
    this.#lending = lending;
    this.#taken = 0;
    this.#out = [];
  }

  /** Nobody needs the first so many bytes any more that were taken since `lend`. */
  giveBack(bytes: number): void {
    for (let oldest = this.#out[0]; oldest && oldest.end <= bytes; oldest = this.#out[0]) {
      this.#out.shift();
      if (this.#free.length < MOST_FREE) this.#free.push(oldest.buffer);
    }
  }

  /** Where the next bytes are to be written; say with `filled` how many there were. */
  room(limit = this.#size): Buffer {
    if (this.#size - this.#end < this.#size * LEAST_ROOM) this.#begin();
    return this.#buffer.subarray(this.#end, Math.min(this.#size, this.#end + limit));
  }

  filled(bytes: number): void {
    this.#end += bytes;
  }

  /** The oldest bytes, in one piece of up to `limit`; undefined when there are none but those kept back. */
  take(limit = Number.POSITIVE_INFINITY): Buffer | undefined {
    this.#takeBack();
    const full = this.#full[0];
    if (full) {
      const taken = full.subarray(0, limit);
      if (taken.length === full.length) this.#lent = this.#full.shift();
      else this.#full[0] = full.subarray(limit);
      this.#fullBytes -= taken.length;
      this.#taken += taken.length;
      return taken;
    }
    const until = Math.min(this.#end - this.hold, this.#start + limit);
    if (until <= this.#start) return undefined;
    const taken = this.#buffer.subarray(this.#start, until);
    this.#start = until;
    this.#taken += taken.length;
    return taken;
  }

  #takeBack(): void {
    if (this.#lending === 'untilNext' && this.#lent) this.#free.push(Buffer.from(this.#lent.buffer));
    this.#lent = undefined;
  }

  /** Takes the text up to the next line feed, without it and without a carriage return before it. Only while all is kept back. */
  takeLine(): string | undefined {
    const feed = this.#buffer.subarray(this.#start, this.#end).indexOf(0x0a);
    if (feed < 0) return undefined;
    const line = this.#buffer.toString('latin1', this.#start, this.#start + feed);
    this.#start += feed + 1;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }

  endsWith(mark: Buffer): boolean {
    const from = this.#end - mark.length;
    return (
      from >= this.#start && this.#buffer[this.#end - 1] === mark.at(-1) && mark.compare(this.#buffer, from, this.#end) === 0
    );
  }

  #begin(): void {
    const kept = Math.min(this.hold, this.#end - this.#start);
    if (this.#lending === 'untilGivenBack' && this.#out.length < MOST_OUT)
      this.#out.push({ buffer: this.#buffer, end: this.#taken + this.pending - kept });
    const window = this.#buffer.subarray(this.#start, this.#end - kept);
    if (window.length > 0) {
      this.#full.push(window);
      this.#fullBytes += window.length;
    }
    const next = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
    this.#buffer.copy(next, 0, this.#end - kept, this.#end);
    this.#buffer = next;
    this.#start = 0;
    this.#end = kept;
  }
}
