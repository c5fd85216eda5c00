import type { StreamState } from '../../model/archive/stream-state.ts';
import { CommandReader } from './command-reader.ts';
import type { LoggedCommand } from './logged-command.ts';

/** A key that the stream has written, and not taken away again. */
export interface RecentKey {
  db: number;
  key: Buffer;
}

export interface RecentKeysOptions {
  /** Of the first byte of the stream. */
  state: StreamState;
  /** Offset of the first byte of the stream. */
  startOffset: number;
  /** What stands before this offset is read over. */
  from: number;
  renamed?: Readonly<Record<string, string>>;
  /** Of which keys. @param command - that wrote it, in capitals */
  wanted(key: Buffer, command: string): boolean;
  /** So many of the last ones. */
  most: number;
  /** Keys that have expired by then are not told, nor those of which that is not known. Milliseconds since 1970. */
  aliveAtMs: number;
}

/** Longer arguments are not looked at, and no key of a session. */
const LONGEST_KEY = 1024;
/** Of a DEL with more keys nobody knows which went. */
const LOOKED_AT_ARGS = 12;

/**
 * Which keys a stretch of the stream wrote last, as far as one can tell without executing it. Commands other than the usual ones
 * of sessions make a key uncertain, and it is left out: better no answer than a wrong one. Memory: `most` keys and one piece.
 * @returns the last ones, and how many different ones there were in all, about
 */
export async function recentKeys(
  stream: AsyncIterable<Buffer>,
  options: RecentKeysOptions,
): Promise<{ keys: RecentKey[]; written: number }> {
  const recent = new Recent(options);
  for await (const piece of stream) recent.read(piece);
  return { keys: recent.alive(), written: recent.written };
}

class Recent {
  readonly #options: RecentKeysOptions;
  readonly #reader: CommandReader;
  /** Last written last. */
  readonly #known = new Map<string, RecentKey & { expireAtMs?: number }>();
  #window: Buffer = Buffer.alloc(0);
  #windowBase: number;
  /** Arguments of the command at hand; undefined for one that is long, or was cut. */
  #args: (Buffer | undefined)[] = [];
  #argEnd = 0;
  written = 0;

  constructor(options: RecentKeysOptions) {
    const { state, startOffset, renamed } = options;
    this.#options = options;
    this.#windowBase = startOffset;
    this.#reader = new CommandReader(state, {
      offset: startOffset,
      ...(renamed ? { renamed } : {}),
      onArgument: (_, index, end) => this.#argument(index, end),
      onCommand: (command) => this.#take(command),
    });
  }

  read(piece: Buffer): void {
    const kept = this.#window.subarray(Math.max(0, this.#window.length - 2 * LONGEST_KEY));
    this.#windowBase = this.#reader.offset - kept.length;
    this.#window = Buffer.concat([kept, piece]);
    this.#reader.read(piece);
  }

  alive(): RecentKey[] {
    const { aliveAtMs } = this.#options;
    return [...this.#known.values()]
      .filter(({ expireAtMs }) => expireAtMs === undefined || expireAtMs > aliveAtMs)
      .map(({ db, key }) => ({ db, key }));
  }

  #argument(index: number, end: number): void {
    if (index === 0) this.#args = [];
    const from = this.#argEnd;
    this.#argEnd = end;
    if (index === 0 || index >= LOOKED_AT_ARGS) return;
    const header = from - this.#windowBase;
    const isWhole = header >= 0 && end - from <= LONGEST_KEY;
    const text = isWhole ? this.#window.subarray(header, end - 2 - this.#windowBase) : undefined;
    this.#args[index] = text?.subarray(text.indexOf(0x0a) + 1);
  }

  #take({ name, db, argCount, start, isInline }: LoggedCommand): void {
    if (isInline || start < this.#options.from || db < 0) return;
    if (FLUSHES.has(name)) this.#known.clear();
    const last = name === 'DEL' || name === 'UNLINK' ? Math.min(argCount, LOOKED_AT_ARGS) : 2;
    for (let index = 1; index < last; index++) {
      const key = this.#args[index];
      if (key && this.#options.wanted(key, name)) this.#takeKey(name, db, key, argCount);
    }
    if (argCount > LOOKED_AT_ARGS && last > 2) this.#known.clear();
  }

  #takeKey(name: string, db: number, key: Buffer, argCount: number): void {
    const id = `${db} ${key.toString('latin1')}`;
    const known = this.#known.get(id);
    const was = known ?? { db, key: Buffer.from(key) };
    this.#known.delete(id);
    const now = stateAfter(name, argCount, this.#args, was);
    if (!now || (known === undefined && !BEGINNERS.has(name))) return;
    if (known === undefined) this.written += 1;
    this.#known.set(id, now);
    if (this.#known.size > this.#options.most) this.#known.delete(this.#known.keys().next().value ?? '');
  }
}

const FLUSHES: ReadonlySet<string> = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB']);
/** What makes a key be there for sure. */
const BEGINNERS: ReadonlySet<string> = new Set(['SET', 'HSET', 'HMSET', 'PEXPIREAT']);

/** Undefined: it is gone, or nobody knows. */
function stateAfter<T extends { expireAtMs?: number }>(
  name: string,
  argCount: number,
  args: readonly (Buffer | undefined)[],
  was: T,
): T | undefined {
  if (name === 'HSET' || name === 'HMSET') return was;
  if (name === 'PERSIST') return { ...was, expireAtMs: undefined };
  if (name === 'PEXPIREAT') return withExpiry(was, args[2], 1);
  if (name !== 'SET') return undefined;
  if (argCount === 3) return { ...was, expireAtMs: undefined };
  const option = args[3]?.toString('latin1').toUpperCase();
  if (argCount === 5 && option === 'PXAT') return withExpiry(was, args[4], 1);
  if (argCount === 5 && option === 'EXAT') return withExpiry(was, args[4], 1000);
  return argCount === 4 && option === 'KEEPTTL' ? was : undefined;
}

function withExpiry<T>(was: T, text: Buffer | undefined, unitMs: number): T | undefined {
  const at = Number(text?.toString('latin1'));
  return text && Number.isSafeInteger(at) ? { ...was, expireAtMs: at * unitMs } : undefined;
}
