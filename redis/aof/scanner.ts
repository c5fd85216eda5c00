/** What comes next. */
const PHASE = { begin: 0, comment: 1, number: 2, lineFeed: 3, bulkHead: 4, bulk: 5 } as const;
type Phase = (typeof PHASE)[keyof typeof PHASE];

const CR = 13;
const LF = 10;
const HASH = 35;
const DOLLAR = 36;
const STAR = 42;
const ZERO = 48;
const LONGEST_NUMBER = 10;

/** The letters of a name as one number, in capitals: it needs no string for each command. */
const codeOf = (name: string): number => [...name].reduce((sum, letter) => sum * 256 + letter.charCodeAt(0), 0);
const MULTI = codeOf('MULTI');
const EXEC = codeOf('EXEC');

/**
 * Follows the commands of an append-only file through chunks that may end anywhere, to find where it may be cut: behind a
 * whole command, and never between MULTI and EXEC. Values are stepped over. Constant memory.
 * @see redis 7.0.15 src/aof.c, loadSingleAppendOnlyFile; src/redis-check-aof.c, which is stricter about line ends, as this is
 */
export class AofScanner {
  /** Offset behind the last whole command outside of a transaction. */
  boundary: number;
  /** Offset behind the last whole command, be it in a transaction. */
  wholeTo: number;
  /** Behind the last byte that was read: behind the wrong one, if it is broken. */
  offset: number;
  /** Why no Redis could read it any further. */
  broken: string | undefined;
  inTransaction = false;
  commands = 0;
  #phase: Phase = PHASE.begin;
  #value = 0;
  #digits = 0;
  #argsLeft = 0;
  #bulkLeft = 0;
  #isName = false;
  #name = 0;

  /** @param start - offset of the first byte, a boundary */
  constructor(start: number) {
    this.boundary = start;
    this.wholeTo = start;
    this.offset = start;
  }

  /** Reads on; without effect once it is broken. */
  feed(chunk: Uint8Array): void {
    const base = this.offset;
    for (let at = 0; at < chunk.length && this.broken === undefined; ) {
      if (this.#phase !== PHASE.bulk) {
        this.offset = base + at + 1;
        this.#byte(chunk[at++] as number);
      } else {
        at = this.#bulk(chunk, at);
        this.offset = base + at;
        if (this.#bulkLeft === 0 && this.broken === undefined) this.#endArgument();
      }
    }
  }

  #byte(byte: number): void {
    switch (this.#phase) {
      case PHASE.begin:
        if (byte === STAR) this.#expectNumber();
        else if (byte === HASH) this.#phase = PHASE.comment;
        else this.broken = 'a command does not begin with *';
        break;
      case PHASE.number:
        this.#digit(byte);
        break;
      case PHASE.lineFeed:
        this.#endNumber(byte);
        break;
      case PHASE.bulkHead:
        if (byte === DOLLAR) this.#expectNumber();
        else this.broken = 'an argument does not begin with $';
        break;
      case PHASE.comment: // aof-timestamp-enabled writes #TS:… between commands
        if (byte === LF) this.#endCommand();
        break;
    }
  }

  #expectNumber(): void {
    this.#phase = PHASE.number;
    this.#value = 0;
    this.#digits = 0;
  }

  #digit(byte: number): void {
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9 && this.#digits < LONGEST_NUMBER) {
      this.#value = this.#value * 10 + digit;
      this.#digits += 1;
    } else if (byte === CR && this.#digits > 0) this.#phase = PHASE.lineFeed;
    else this.broken = 'a number is expected and is not there';
  }

  #endNumber(byte: number): void {
    if (byte !== LF) this.broken = 'a line does not end with CR LF';
    else if (this.#argsLeft > 0) {
      this.#bulkLeft = this.#value + 2;
      this.#name = 0;
      this.#phase = PHASE.bulk;
    } else if (this.#value === 0) this.broken = 'a command has no arguments';
    else {
      this.#argsLeft = this.#value;
      this.#isName = true;
      this.#phase = PHASE.bulkHead;
    }
  }

  /** Steps over as much of an argument as is here, its line end included. */
  #bulk(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#bulkLeft);
    const lineEnd = at + this.#bulkLeft - 2;
    if (this.#isName && this.#value <= 5) {
      for (let i = at; i < Math.min(end, lineEnd); i++) this.#name = this.#name * 256 + ((chunk[i] as number) & 0xdf);
    }
    const isWrong = (where: number, wanted: number) => where >= at && where < end && chunk[where] !== wanted;
    if (isWrong(lineEnd, CR) || isWrong(lineEnd + 1, LF)) this.broken = 'an argument is longer or shorter than it says';
    this.#bulkLeft -= end - at;
    return end;
  }

  #endArgument(): void {
    if (this.#isName && this.#name === MULTI) this.inTransaction = true;
    if (this.#isName && this.#name === EXEC) this.inTransaction = false;
    this.#isName = false;
    this.#argsLeft -= 1;
    this.#phase = PHASE.bulkHead;
    if (this.#argsLeft > 0) return;
    this.commands += 1;
    this.#endCommand();
  }

  #endCommand(): void {
    this.#phase = PHASE.begin;
    this.wholeTo = this.offset;
    if (!this.inTransaction) this.boundary = this.offset;
  }
}
