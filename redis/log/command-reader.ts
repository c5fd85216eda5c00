import { isBoundary, type PartialCommand, STREAM_BEGIN, type StreamState } from '../../model/archive/stream-state.ts';
import { CommandHead } from './command-head.ts';
import { KIND, type Kind } from './command-names.ts';
import { malformedLog } from './errors.ts';
import type { CommandReaderOptions } from './logged-command.ts';
import { CR, DOLLAR, HASH, isLetter, LF, LONGEST_BULK, LONGEST_LINE, MOST_ARGS, numberOf, STAR } from './resp.ts';

/**
 * Follows the commands of a replication stream or an append-only file through pieces that may end anywhere. Values are
 * stepped over and never looked at, copied or kept. Line feeds between commands (Redis keeps links alive with them) and the
 * `#TS:` annotations of append-only files are read over. Memory: a name, or a line.
 */
export class CommandReader {
  readonly #options: CommandReaderOptions;
  readonly #head: CommandHead;
  /** Offset of the first byte of the piece at hand. */
  #base: number;
  #boundary: number;
  #boundaryDb: number;
  #db: number;
  #inTransaction: boolean;
  /** What the last piece ended in, if that is a line. */
  #line = '';
  #argsLeft = 0;
  #bulkLeft = -1;
  #number = 0;

  /** @param state - of another reader: this one goes on at the very next byte */
  constructor(state: StreamState = STREAM_BEGIN, options: CommandReaderOptions = {}) {
    this.#options = options;
    this.#head = new CommandHead(options.renamed);
    this.#base = options.offset ?? 0;
    this.#db = state.db;
    this.#inTransaction = state.inTransaction;
    this.#boundary = this.#base - (state.sinceBoundary ?? 0);
    this.#boundaryDb = state.db;
    if (state.within) this.#goOnWithin(state.within);
  }

  #goOnWithin({ line, read, argCount, argsLeft, bulkLeft, args }: PartialCommand): void {
    this.#head.command.start = this.#base - read;
    this.#line = line;
    if (argCount < 0) return;
    this.#head.begin(argCount);
    this.#argsLeft = argsLeft;
    this.#bulkLeft = bulkLeft;
    this.#head.goOn(args, argCount - argsLeft);
    this.#describe();
  }

  /** Offset of the next byte to be read. */
  get offset(): number {
    return this.#base;
  }

  /** The last boundary: a command, or a transaction, that has begun since begins here. */
  get boundary(): number {
    return this.#boundary;
  }

  /** What a reader that begins at `boundary` has to know; right unless that is before the first byte of this one. */
  boundaryState(): StreamState {
    return { db: this.#boundaryDb, inTransaction: false };
  }

  state(): StreamState {
    const within = this.#within();
    const state = { db: this.#db, inTransaction: this.#inTransaction, ...(within ? { within } : {}) };
    return isBoundary(state) ? state : { ...state, sinceBoundary: this.#base - this.#boundary };
  }

  #within(): PartialCommand | undefined {
    const line = this.#line;
    const { argCount, start } = this.#head.command;
    const read = this.#base - start;
    if (this.#argsLeft === 0) return line === '' ? undefined : { line, read, argCount: -1, argsLeft: -1, bulkLeft: -1, args: [] };
    const args = this.#head.args(argCount - this.#argsLeft, this.#bulkLeft >= 0);
    return { line, read, argCount, argsLeft: this.#argsLeft, bulkLeft: this.#bulkLeft, args };
  }

  /**
   * Reads on. The piece is not kept.
   * @returns how many of its bytes lie before the last boundary in it; 0: that is its begin; -1: there is none in it
   * @throws RecoveryError `LOG_MALFORMED` with the offset; the reader is of no use afterwards
   */
  read(piece: Buffer): number {
    let at = 0;
    while (at < piece.length) {
      if (this.#line !== '') at = this.#readLine(piece, at);
      else if (this.#bulkLeft >= 0) at = this.#readBulk(piece, at);
      else if (this.#argsLeft > 0) at = this.#readArguments(piece, at);
      else at = this.#begin(piece, at);
    }
    const last = this.#boundary - this.#base;
    this.#base += piece.length;
    return last < 0 ? -1 : last;
  }

  /** At the first byte of a command. */
  #begin(piece: Buffer, at: number): number {
    const first = piece[at] as number;
    if (first === LF) return this.#pass(at + 1);
    this.#head.command.start = this.#base + at;
    const isText = first === HASH || first === CR || isLetter(first);
    if (first !== STAR && !isText) throw malformedLog('no command begins like this', this.#base + at);
    const behind = isText ? -1 : this.#readNumber(piece, at, MOST_ARGS);
    if (behind < 0) return this.#readLine(piece, at);
    this.#open(this.#number);
    return this.#readArguments(piece, behind);
  }

  #open(argCount: number): void {
    if (argCount === 0) throw malformedLog('a command without a name', this.#head.command.start);
    this.#head.begin(argCount);
    this.#argsLeft = argCount;
  }

  /** Arguments that lie in this piece as a whole: nearly all. */
  #readArguments(piece: Buffer, at: number): number {
    const { onArgument } = this.#options;
    const head = this.#head;
    while (this.#argsLeft > 0 && at < piece.length) {
      if (piece[at] !== DOLLAR) throw malformedLog('no "$" where an argument must begin', this.#base + at);
      const from = this.#readNumber(piece, at, LONGEST_BULK);
      if (from < 0) return this.#readLine(piece, at);
      const to = from + this.#number;
      const index = head.command.argCount - this.#argsLeft;
      if (index <= head.upTo) this.#requireShort(this.#number);
      if (to + 2 > piece.length) {
        this.#bulkLeft = this.#number + 2;
        return from;
      }
      if (piece[to] !== CR || piece[to + 1] !== LF) throw malformedLog('no line end behind an argument', this.#base + to);
      at = to + 2;
      this.#argsLeft -= 1;
      if (index >= head.databasesFrom) head.database(piece, from, to);
      else if (index <= head.upTo && head.whole(index, piece, from, to, this.#base + at)) this.#tellName();
      if (onArgument !== undefined) onArgument(head.command, index, this.#base + at);
    }
    if (this.#argsLeft === 0) this.#finish(at);
    return at;
  }

  #requireShort(length: number): void {
    if (length > LONGEST_LINE) throw malformedLog(`a name of ${length} bytes`, this.#head.command.start);
  }

  /** `*3` or `$5` with its line end. @returns where that is over; -1: not in this piece */
  #readNumber(piece: Buffer, at: number, most: number): number {
    const end = piece.length;
    let number = 0;
    let digit = at + 1;
    for (; digit < end; digit++) {
      const value = (piece[digit] as number) - 48;
      if (value < 0 || value > 9) break;
      number = number * 10 + value;
    }
    if (number > most) throw malformedLog(`${number} is too much`, this.#base + at);
    if (digit + 1 >= end) return -1;
    if (piece[digit] !== CR || piece[digit + 1] !== LF || digit === at + 1) throw malformedLog('no number', this.#base + at);
    this.#number = number;
    return digit + 2;
  }

  /** Goes on in an argument that does not lie in one piece. */
  #readBulk(piece: Buffer, at: number): number {
    const before = this.#bulkLeft;
    const until = Math.min(piece.length, at + before);
    const left = before - (until - at);
    const head = this.#head;
    const index = head.command.argCount - this.#argsLeft;
    const isWanted = index <= head.upTo || index >= head.databasesFrom;
    if (isWanted && before > 2) head.part(index, piece, at, Math.min(until, at + before - 2));
    const isReturnHere = left <= 1 && before >= 2;
    const isWrong = (isReturnHere && piece[until - 2 + left] !== CR) || (left === 0 && piece[until - 1] !== LF);
    if (isWrong) throw malformedLog('no line end behind an argument', this.#base + at + before - 2);
    this.#bulkLeft = left > 0 ? left : -1;
    if (left > 0) return until;
    this.#argsLeft -= 1;
    if (isWanted && head.wholeOfParts(index, this.#base + until)) this.#tellName();
    this.#options.onArgument?.(head.command, index, this.#base + until);
    if (this.#argsLeft === 0) this.#finish(until);
    return until;
  }

  /** A line that ends in this piece, or doesn't. */
  #readLine(piece: Buffer, at: number): number {
    const feed = piece.indexOf(LF, at);
    const until = feed < 0 ? piece.length : feed;
    if (this.#line.length + until - at > LONGEST_LINE) throw malformedLog('an endless line', this.#base + at);
    this.#line += piece.toString('latin1', at, until);
    if (feed < 0) return until;
    const line = this.#line;
    this.#line = '';
    return this.#wholeLine(line, feed + 1);
  }

  /** @param line - with its carriage return, without its line feed */
  #wholeLine(line: string, behind: number): number {
    const count = numberOf('*', line);
    const length = numberOf('$', line);
    if (this.#argsLeft === 0 && count <= MOST_ARGS) this.#open(count);
    else if (this.#argsLeft > 0 && length <= LONGEST_BULK) {
      if (this.#head.command.argCount - this.#argsLeft <= this.#head.upTo) this.#requireShort(length);
      this.#bulkLeft = length + 2;
    } else if (line.startsWith('#') || line === '\r') this.#pass(behind);
    else if (/^[A-Za-z][\t -~]*\r?$/.test(line)) this.#inline(line, behind);
    else throw malformedLog('no number, and no command', this.#base + behind - line.length - 1);
    return behind;
  }

  #inline(line: string, behind: number): void {
    this.#head.line(line.trim().split(/[\t ]+/));
    this.#head.command.isInline = true;
    this.#tellName();
    this.#finish(behind);
    this.#head.command.isInline = false;
  }

  /** Something that is no command, between two of them. */
  #pass(behind: number): number {
    if (!this.#inTransaction) this.#boundary = this.#base + behind;
    return behind;
  }

  #describe(): void {
    const { command } = this.#head;
    command.end = -1;
    command.isBoundary = false;
    command.boundary = this.#boundary;
    command.db = this.#db;
    command.inTransaction = this.#inTransaction;
  }

  #tellName(): void {
    this.#describe();
    this.#options.onName?.(this.#head.command);
  }

  #finish(behind: number): void {
    const { command, kind } = this.#head;
    if (kind !== KIND.other) this.#take(kind);
    command.end = this.#base + behind;
    command.isBoundary = !this.#inTransaction;
    if (command.isBoundary) {
      this.#boundary = command.end;
      this.#boundaryDb = this.#db;
    }
    this.#options.onCommand?.(command);
  }

  #take(kind: Kind): void {
    if (kind !== KIND.select) {
      this.#inTransaction = kind === KIND.multi;
      return;
    }
    const { second } = this.#head;
    if (!/^\d{1,9}$/.test(second)) throw malformedLog('SELECT of no database', this.#head.command.start);
    this.#db = Number(second);
    this.#head.command.highestDb = this.#db;
  }
}
