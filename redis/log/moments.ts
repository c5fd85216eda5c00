import type { StreamState } from '../../model/stream-state.ts';
import { CommandReader } from './command-reader.ts';
import type { LoggedCommand } from './logged-command.ts';
import { verdictOf } from './write-commands.ts';

/** A stretch of the log that may have taken many keys at once: from the boundary before it to the one behind it. */
export interface Suspect {
  command: string;
  /** What `--until` takes to have it undone. */
  timelineId: string;
  before: number;
  atMs: number;
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

/** Those first that are most likely to have taken much. */
export const byWeight = (a: Suspect, b: Suspect): number =>
  Number(a.command === EMPTYING) - Number(b.command === EMPTYING) || b.keys - a.keys || 0; // of two that are infinite

/** One piece of the log after another, of a stretch of one timeline. */
export interface WatchedRange {
  timelineId: string;
  /** Of the first byte, and of the reader that stands there. */
  start: number;
  startState: StreamState;
  /** What is replayed of it. */
  from: number;
  to: number;
  /** When the piece had come that was given last. */
  atMs(): number;
}

/** What queues do all day: seldom a loss, and suspected behind all others. */
export const EMPTYING = 'mass emptying';

const AT_ONCE = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB']);
/** What many of them in a row are called. Expiry, eviction and scripts arrive as DEL or UNLINK. */
const IN_A_ROW: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    'mass delete': 'DEL UNLINK GETDEL DELEX DELIFEQ',
    'mass rename': 'RENAME RENAMENX',
    'mass move': 'MOVE',
    'mass copy': 'COPY',
    'mass expire': 'EXPIREAT PEXPIREAT EXPIRE PEXPIRE',
    // The key goes with its last element. A stream stays when it is empty.
    [EMPTYING]:
      'HDEL HGETDEL LMOVE LMPOP LPOP LREM LTRIM RPOP RPOPLPUSH SMOVE SPOP SREM VREM ZMPOP ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYLEX ' +
      'ZREMRANGEBYRANK ZREMRANGEBYSCORE BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN ' +
      'SDIFFSTORE SINTERSTORE SUNIONSTORE ZDIFFSTORE ZINTERSTORE ZRANGESTORE ZUNIONSTORE GEOSEARCHSTORE',
  }).flatMap(([kind, names]) => names.split(' ').map((name) => [name, kind])),
);
/** They name nothing but keys. */
const OF_KEYS_ONLY = new Set(['DEL', 'UNLINK']);
const WINDOW_MS = 1_000;
/** A longer run is told in parts: the first of them undoes all. */
const LONGEST_RUN_MS = 60_000;
/** A time to live that ends this soon takes the key away; applications renew longer ones all day. */
const SOON_MS = 10_000;
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
  /** Left out because there are too many. */
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
    const window = new PieceWindow(range.start);
    const reader = new CommandReader(range.startState, {
      offset: range.start,
      renamed: this.#options.renamed,
      onArgument: ({ name }, index, end) => window.argument(index, end, Object.hasOwn(IN_A_ROW, name)),
      onCommand: (command) => {
        if (command.start >= range.from && command.end <= range.to) this.#see(command, range, window.second);
      },
    });
    for await (const piece of body) {
      window.piece(piece, reader.offset);
      reader.read(piece);
      yield piece;
    }
  }

  #see(command: LoggedCommand, range: WatchedRange, second: string): void {
    const { name, isBoundary } = command;
    if (verdictOf(name, this.#allowed) !== 'replay') return;
    if (name !== 'SELECT') this.#commands += 1;
    const atMs = range.atMs();
    if (AT_ONCE.has(name)) {
      this.#add(this.#suspect(command, range, { command: name, atMs, keys: Number.POSITIVE_INFINITY }));
      this.#runs.clear(); // what it took is not theirs
    } else if (Object.hasOwn(IN_A_ROW, name) && !isLongLived(name, second, atMs)) this.#inARow(command, range, atMs);
    if (isBoundary) this.#boundary();
  }

  #suspect(
    { boundary, db }: LoggedCommand,
    { timelineId }: WatchedRange,
    what: Pick<Suspect, 'command' | 'atMs' | 'keys'>,
  ): Suspect {
    return { ...what, timelineId, before: boundary, db, fromCommand: this.#atBoundary, toCommand: -1 };
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
    this.dropped += this.#suspects.length - kept.length;
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

/** Finds the second argument of a command in the piece that it lies in; one that lies in two is not looked at. */
class PieceWindow {
  second = '';
  #piece: Buffer = Buffer.alloc(0);
  #base: number;
  #mark: number;

  constructor(base: number) {
    this.#base = base;
    this.#mark = base;
  }

  piece(piece: Buffer, base: number): void {
    this.#piece = piece;
    this.#base = base;
  }

  argument(index: number, end: number, isWanted: boolean): void {
    if (index === 0) this.second = '';
    else if (index === 2 && isWanted && this.#mark >= this.#base) {
      const bytes = this.#piece.subarray(this.#mark - this.#base, end - this.#base);
      this.second = bytes.length > 64 ? '' : bytes.toString('latin1', bytes.indexOf(10) + 1, bytes.length - 2);
    }
    this.#mark = end;
  }
}

/** Only commands that say when: an unknown moment is taken for a late one. */
function isLongLived(name: string, second: string, atMs: number): boolean {
  if (!name.includes('EXPIRE')) return false;
  if (!/^-?\d{1,15}$/.test(second)) return true;
  const leftMs = { PEXPIREAT: Number(second) - atMs, EXPIREAT: Number(second) * 1000 - atMs, PEXPIRE: Number(second) }[name];
  return (leftMs ?? Number(second) * 1000) > SOON_MS;
}
