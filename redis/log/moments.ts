import { AT_ONCE } from '../../model/archive/destructive.ts';
import type { StreamState } from '../../model/archive/stream-state.ts';
import { CommandReader } from './command-reader.ts';
import { ExpiryArgument } from './expiry-argument.ts';
import type { LoggedCommand } from './logged-command.ts';
import { verdictOf } from './write-commands.ts';

/** A stretch of the log that may have taken many keys at once: from the boundary before it to the one behind it. */
export interface Suspect {
  command: string;
  /** What `--until` takes to have it undone; of a log without times the bytes before it. */
  timelineId: string;
  before: number;
  atMs: number;
  /** It came late: it passed at any time since. */
  sinceMs?: number;
  /** The database of its first command. */
  db: number;
  /** Keys that it names; infinite for a command that needs to name none. */
  keys: number;
  /** The replayed commands before it, and those up to its end. SELECT is not counted: a replay adds some. */
  fromCommand: number;
  toCommand: number;
}

export interface MomentFinderOptions {
  /** So many keys named within a second make a run. */
  keys: number;
  renamed?: Readonly<Record<string, string>>;
  /** Write commands of modules that are replayed. */
  allowed?: readonly string[];
}

/** Those first that are most likely to have taken much; of equals the newest. */
export const byWeight = (a: Suspect, b: Suspect): number =>
  Number(isEveryday(a.command)) - Number(isEveryday(b.command)) ||
  b.keys - a.keys || // NaN of two that are infinite
  b.fromCommand - a.fromCommand;

/** One piece of the log after another, of a stretch of one timeline. */
export interface WatchedRange {
  timelineId: string;
  /** Of the first byte, and of the reader that stands there. */
  start: number;
  startState: StreamState;
  /** What is replayed of it. */
  from: number;
  to: number;
  /** When the piece had come that was given last. Absent: the log does not say. */
  atMs?(): number;
  /** Since when it may have been written, where it came late. */
  sinceMs?(): number | undefined;
}

/**
 * In a log without times what lies within so many bytes is taken for a millisecond: a hundred deletes with little in between
 * are one run.
 */
const BYTES_PER_MS = 16;

const EMPTYING = 'mass emptying';
const ENDING = 'mass write with a short expiry';
/** What queues and rate limits do all day: seldom a loss, and suspected behind all others. */
export const isEveryday = (command: string): boolean => command === EMPTYING || command === ENDING;

/** What many of them in a row are called. Expiry, eviction and scripts arrive as DEL or UNLINK. */
const IN_A_ROW: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    'mass delete': 'DEL UNLINK GETDEL DELEX DELIFEQ',
    'mass rename': 'RENAME RENAMENX',
    'mass move': 'MOVE',
    'mass copy': 'COPY',
    'mass expire': 'EXPIREAT PEXPIREAT EXPIRE PEXPIRE',
    // Over keys that were there for longer. SETEX and SET with EX arrive as SET with PXAT.
    [ENDING]: 'SET SETEX PSETEX RESTORE',
    // The key goes with its last element. A stream stays when it is empty.
    [EMPTYING]:
      'HDEL HGETDEL LMOVE LMPOP LPOP LREM LTRIM RPOP RPOPLPUSH SMOVE SPOP SREM VREM ZMPOP ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYLEX ' +
      'ZREMRANGEBYRANK ZREMRANGEBYSCORE BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN ' +
      'SDIFFSTORE SINTERSTORE SUNIONSTORE ZDIFFSTORE ZINTERSTORE ZRANGESTORE ZUNIONSTORE GEOSEARCHSTORE ' +
      'GEORADIUS GEORADIUSBYMEMBER SORT',
  }).flatMap(([kind, names]) => names.split(' ').map((name) => [name, kind])),
);
/** They name nothing but keys. */
const OF_KEYS_ONLY = new Set(['DEL', 'UNLINK']);
const WINDOW_MS = 1_000;
/** A longer run is told in parts: the first of them undoes all. */
const LONGEST_RUN_MS = 60_000;
/** Those of them that take a key only when they end it soon. */
const TIMED = new Set('EXPIREAT PEXPIREAT EXPIRE PEXPIRE SET SETEX PSETEX RESTORE'.split(' '));
/** So many are kept, those that name the most keys. */
const MOST_SUSPECTS = 1_000;

/**
 * Reads a log that is to be replayed and finds the places where much may have gone at once, so that they can be looked at one
 * by one while it is replayed. What each really took is not known here. Memory: a second of deletes.
 */
export class MomentFinder {
  readonly #options: MomentFinderOptions;
  readonly #allowed: ReadonlySet<string>;
  readonly #runs = new Map<string, Run>();
  #suspects: Suspect[] = [];
  /** Those that end at the next boundary. */
  #open = new Set<Suspect>();
  #commands = 0;
  #atBoundary = 0;
  /** Left out because there are too many, but for those of every day. */
  dropped = 0;

  constructor(options: MomentFinderOptions) {
    this.#options = options;
    this.#allowed = new Set(options.allowed?.map((name) => name.toUpperCase()));
  }

  /** In the order of the log. */
  suspects(): Suspect[] {
    return this.#suspects.sort((a, b) => a.fromCommand - b.fromCommand);
  }

  /** Passes the pieces through. */
  async *watch(body: AsyncIterable<Buffer>, range: WatchedRange): AsyncGenerator<Buffer> {
    const expiry = new ExpiryArgument(range.start);
    const reader = new CommandReader(range.startState, {
      offset: range.start,
      renamed: this.#options.renamed,
      onArgument: ({ name }, index, end) => expiry.argument(name, index, end),
      onCommand: (command) => {
        if (command.start >= range.from && command.end <= range.to) this.#see(command, range, expiry);
      },
    });
    for await (const piece of body) {
      expiry.piece(piece, reader.offset);
      reader.read(piece);
      yield piece;
    }
  }

  #see(command: LoggedCommand, range: WatchedRange, expiry: ExpiryArgument): void {
    const { name, isBoundary } = command;
    if (verdictOf(name, this.#allowed) !== 'replay') return;
    if (name !== 'SELECT') this.#commands += 1;
    const atMs = range.atMs?.() ?? Math.floor((command.start - range.start) / BYTES_PER_MS);
    const isSoon = (): boolean => range.atMs !== undefined && expiry.isSoon(name, atMs);
    if (AT_ONCE.has(name)) {
      this.#add(this.#suspect(command, range, { command: name, atMs, keys: Number.POSITIVE_INFINITY }));
      this.#runs.clear(); // what it took is not theirs
    } else if (Object.hasOwn(IN_A_ROW, name) && (!TIMED.has(name) || isSoon())) this.#inARow(command, range, atMs);
    if (isBoundary) this.#boundary();
  }

  #suspect(
    { boundary, db }: LoggedCommand,
    { timelineId, sinceMs }: WatchedRange,
    what: Pick<Suspect, 'command' | 'atMs' | 'keys'>,
  ): Suspect {
    const late = sinceMs?.();
    return {
      ...what,
      ...(late === undefined ? {} : { sinceMs: late }),
      timelineId,
      before: boundary,
      db,
      fromCommand: this.#atBoundary,
      toCommand: -1,
    };
  }

  #inARow(command: LoggedCommand, range: WatchedRange, atMs: number): void {
    const kind = IN_A_ROW[command.name] ?? '';
    const id = `${kind} ${command.db}`;
    const keys = OF_KEYS_ONLY.has(command.name) ? command.argCount - 1 : 1;
    let run = this.#runs.get(id);
    if (run === undefined || !run.goesOn(atMs)) {
      run = new Run();
      this.#runs.set(id, run);
    }
    const begins = run.take(this.#suspect(command, range, { command: kind, atMs, keys }), this.#options.keys);
    if (begins) this.#add(begins);
    if (run.suspect) this.#open.add(run.suspect);
  }

  #add(suspect: Suspect): void {
    this.#suspects.push(suspect);
    this.#open.add(suspect);
    if (this.#suspects.length < 2 * MOST_SUSPECTS) return;
    const kept = [...this.#suspects].sort(byWeight).slice(0, MOST_SUSPECTS);
    const few = new Set(kept);
    this.dropped += this.#suspects.filter((one) => !few.has(one) && !isEveryday(one.command)).length;
    this.#suspects = kept;
  }

  #boundary(): void {
    this.#atBoundary = this.#commands;
    if (this.#open.size === 0) return;
    for (const suspect of this.#open) suspect.toCommand = this.#commands;
    this.#open.clear();
  }
}

/** Commands of one kind in one database that come close together. */
class Run {
  /** From the moment on that there are enough of them. */
  suspect: Suspect | undefined;
  #window: Suspect[] = [];
  #keys = 0;
  #lastMs = 0;

  goesOn(atMs: number): boolean {
    if (this.suspect === undefined) return true;
    return atMs - this.#lastMs <= WINDOW_MS && atMs - this.suspect.atMs <= LONGEST_RUN_MS;
  }

  /** @returns the suspect, once, when it becomes one */
  take(one: Suspect, enough: number): Suspect | undefined {
    this.#lastMs = one.atMs;
    if (this.suspect) {
      this.suspect.keys += one.keys;
      return undefined;
    }
    while (this.#window[0] !== undefined && this.#window[0].atMs < one.atMs - WINDOW_MS)
      this.#keys -= this.#window.shift()?.keys ?? 0;
    const last = this.#window.at(-1);
    if (last?.atMs === one.atMs) last.keys += one.keys;
    else this.#window.push(one);
    this.#keys += one.keys;
    if (this.#keys < enough) return undefined;
    const [first = one] = this.#window;
    this.suspect = { ...first, keys: this.#keys };
    this.#window = [];
    return this.suspect;
  }
}
