import { joinedNeeds, type LogNeeds } from '../../model/archive/log-needs.ts';
import { isBoundary, type StreamState } from '../../model/archive/stream-state.ts';
import { CommandReader } from './command-reader.ts';
import { foreignCommand, malformedLog, noBoundary } from './errors.ts';
import type { LoggedCommand } from './logged-command.ts';
import { NeedsWatch } from './needs.ts';
import { encodeCommand } from './resp.ts';
import { verdictOf } from './write-commands.ts';

export interface ReplayableOptions {
  /** Of the first byte of the stream. */
  state: StreamState;
  /** Offset of the first byte of the stream. */
  startOffset: number;
  /** Offset of the base: what lies before it is in the base already. A boundary. */
  from: number;
  /** Offset at which the data is wanted. A boundary. */
  until: number;
  /** Commands that the source has renamed: as typed → real name. They go out under their real names. */
  renamed?: Readonly<Record<string, string>>;
  /** Commands of modules that are writes: `JSON.SET`. */
  allowed?: readonly string[];
  /** Told once, before the generator ends: all went out. */
  onEnd?: (facts: ReplayFacts) => void;
}

export interface ReplayFacts extends LogNeeds {
  /** How many commands went out. */
  count: number;
  firstOffset: number;
  endOffset: number;
  /** The database chosen at the end; -1: none. */
  db: number;
}

/**
 * Makes of a stretch of the stream what a Redis can execute behind a base: exactly from one offset to another, beginning
 * with the database that is chosen there, without pings and messages, and with no command that is not known to be a write:
 * Redis executes what stands in a log with all rights. No byte of a foreign command goes out. Use what went out only when
 * the generator has ended. Memory: the beginning of one command.
 * @throws RecoveryError `LOG_FOREIGN_COMMAND` with name and offset; `LOG_MALFORMED` when the stream is damaged, ends too
 *   soon, or an end is no boundary (it names the one before)
 */
export async function* replayable(stream: AsyncIterable<Buffer>, options: ReplayableOptions): AsyncGenerator<Buffer> {
  const { from, until, startOffset } = options;
  if (from < startOffset) throw malformedLog(`it begins there, and is needed from ${from} on`, startOffset);
  if (until < from) throw malformedLog(`it is needed from there on, and until ${until}`, from);
  const replay = new Replay(options);
  let offset = startOffset;
  if (offset === from) yield* replay.begin();
  for await (const piece of until > startOffset ? stream : []) {
    const skipped = piece.subarray(0, Math.max(0, from - offset));
    replay.skip(skipped);
    if (skipped.length > 0 && offset + skipped.length === from) yield* replay.begin();
    const wanted = piece.subarray(skipped.length, Math.max(skipped.length, until - offset));
    if (wanted.length > 0) yield* replay.pass(wanted);
    offset += piece.length;
    if (offset >= until) break;
  }
  if (offset < until) throw malformedLog(`it ends there, and is needed until ${until}`, offset);
  replay.end();
}

/** More pieces than this out of one are joined: whoever writes them pays for each. */
const MOST_PIECES = 16;
/** Before any SELECT only these mean something. */
const NEEDS_NO_DATABASE = /^(SELECT|MULTI|EXEC|DISCARD|FLUSHALL|SWAPDB|FUNCTION .*|SCRIPT .*)$/;

class Replay {
  readonly #options: ReplayableOptions;
  readonly #allowed: ReadonlySet<string>;
  readonly #reader: CommandReader;
  #hasBegun = false;
  /** What it begins with is chosen, whether it writes there or not. */
  #beginDb = -1;
  #count = 0;
  readonly #needs = new NeedsWatch();
  #out: Buffer[] = [];
  #piece: Buffer = Buffer.alloc(0);
  #base = 0;
  /** Offset from which on bytes go out that have not yet; -1: none do. */
  #run = -1;
  /** Offset behind the last byte that may go out. */
  #runEnd = -1;
  /** The beginning of a command that is not known yet, and its offset. */
  #held: Buffer = Buffer.alloc(0);
  #heldAt = 0;
  /** What is to be done with the command under way. */
  #underWay: 'replay' | 'drop' | 'unknown' = 'unknown';

  constructor(options: ReplayableOptions) {
    this.#options = options;
    this.#allowed = new Set(options.allowed?.map((name) => name.toUpperCase()));
    this.#reader = new CommandReader(options.state, {
      offset: options.startOffset,
      renamed: options.renamed,
      onName: (command) => this.#hasBegun && this.#judge(command),
      onCommand: (command) => this.#hasBegun && this.#ended(command),
    });
  }

  skip(piece: Buffer): void {
    this.#reader.read(piece);
  }

  /** At `from`. */
  begin(): Buffer[] {
    this.#requireBoundary();
    this.#hasBegun = true;
    const { db } = this.#reader.state();
    this.#beginDb = db;
    return db < 0 ? [] : [encodeCommand(['SELECT', `${db}`])];
  }

  pass(piece: Buffer): Buffer[] {
    this.#piece = piece;
    this.#base = this.#reader.offset;
    this.#reader.read(piece);
    this.#holdTail();
    const out = this.#out;
    this.#out = [];
    return out.length > MOST_PIECES ? [Buffer.concat(out)] : out;
  }

  /** At `until`. */
  end(): void {
    this.#requireBoundary();
    const { from: firstOffset, until: endOffset, onEnd } = this.#options;
    const begin = { commands: this.#beginDb < 0 ? [] : ['SELECT'], highestDb: this.#beginDb };
    const needs = joinedNeeds([begin, this.#needs.takeAll()]);
    onEnd?.({ count: this.#count, firstOffset, endOffset, db: this.#reader.state().db, ...needs });
  }

  #requireBoundary(): void {
    const { offset, boundary } = this.#reader;
    if (!isBoundary(this.#reader.state())) throw noBoundary(offset, boundary);
  }

  #judge(command: LoggedCommand): void {
    const { name, start, isInline, db } = command;
    const verdict = verdictOf(name, this.#allowed);
    if (verdict === 'foreign') throw foreignCommand(name, start);
    this.#underWay = verdict;
    if (verdict === 'drop') return;
    if (isInline) throw malformedLog(`the bare line ${name}, which no append-only file may have`, start);
    if (db < 0 && !NEEDS_NO_DATABASE.test(name))
      throw malformedLog(`${name} before any SELECT: its database is not known`, start);
    this.#count += 1;
    const isRenamed = name.split(' ')[0] !== command.typed.toUpperCase();
    if (start !== this.#runEnd || isRenamed) this.#flush();
    if (isRenamed) this.#out.push(headOf(name.split(' ')[0] ?? name, command.argCount));
    if (this.#run < 0) this.#run = isRenamed ? command.nameEnd : start;
  }

  #ended(command: LoggedCommand): void {
    if (this.#underWay === 'replay') {
      this.#runEnd = command.end;
      this.#needs.see(command);
    }
    this.#underWay = 'unknown';
  }

  /** The piece is over: what is left of it goes out, or is kept until it is known what it is. */
  #holdTail(): void {
    const { offset } = this.#reader;
    const { within } = this.#reader.state();
    if (within !== undefined && this.#underWay === 'replay') {
      this.#runEnd = offset;
      this.#flush();
      this.#run = offset;
      return;
    }
    this.#flush();
    if (within === undefined || this.#underWay === 'drop') return;
    const start = offset - within.read;
    this.#held =
      start < this.#base ? Buffer.concat([this.#held, this.#piece]) : Buffer.from(this.#piece.subarray(start - this.#base));
    this.#heldAt = start;
  }

  /** Lets the bytes of the run go. */
  #flush(): void {
    if (this.#run < 0) return;
    if (this.#run < this.#base) this.#push(this.#held, this.#run - this.#heldAt, this.#held.length);
    this.#push(this.#piece, Math.max(0, this.#run - this.#base), this.#runEnd - this.#base);
    this.#run = -1;
  }

  #push(bytes: Buffer, from: number, to: number): void {
    if (to > from) this.#out.push(bytes.subarray(from, to));
  }
}

const headOf = (name: string, argCount: number): Buffer =>
  Buffer.from(`*${argCount}\r\n$${name.length}\r\n${name}\r\n`, 'latin1');
