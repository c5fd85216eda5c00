import { STREAM_BEGIN } from '../../model/archive/stream-state.ts';
import { CommandReader } from './command-reader.ts';
import type { LoggedCommand } from './logged-command.ts';
import { encodeBulk } from './resp.ts';

/**
 * Moves every moment of expiry in a replayable stream, for a clone that is to look as if its data were of today. All forms in
 * which Redis 7 and later, and Valkey, propagate a time to live are moments; whole seconds stay whole seconds. What would
 * come out before 1970 becomes 1 ms after it. RESTORE is taken to have ABSTTL, as Redis writes it. Memory: 64 bytes.
 * @param deltaMs - added to each; may be negative
 */
export const shiftExpiries = (stream: AsyncIterable<Buffer>, deltaMs: number): AsyncGenerator<Buffer> =>
  rewrite(stream, new Rewriter((atMs) => atMs + deltaMs));

/**
 * Makes moments of the times to live of Redis 6.2, which propagates SET with PX, EXPIRE and PEXPIRE as they are: executed
 * later, the keys would live too long. A stream of Redis 7 has none and passes as it is. RESTORE without ABSTTL is left alone.
 * @param nowMs - when the piece came that was last taken from the source of the stream; asked for each command
 */
export const absoluteExpiries = (stream: AsyncIterable<Buffer>, nowMs: () => number): AsyncGenerator<Buffer> =>
  rewrite(stream, new Rewriter((atMs) => atMs, nowMs));

async function* rewrite(stream: AsyncIterable<Buffer>, rewriter: Rewriter): AsyncGenerator<Buffer> {
  for await (const piece of stream) {
    const out = rewriter.pass(piece);
    if (out.length > 0) yield out;
  }
  if (rewriter.held.length > 0) yield rewriter.held;
}

/** What a number in a command says: a moment in milliseconds or seconds, or how long from now. */
type Unit = 'atMs' | 'atSeconds' | 'inMs' | 'inSeconds';
interface Form {
  /** The number is this argument. */
  at?: { index: number; unit: Unit };
  /** Or it stands behind an option, of which this can be the first. MSETEX has them behind its pairs. */
  optionsFrom?: number;
  /** A form that says a moment instead of a duration. */
  absolute?: string;
}

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['PEXPIREAT', { at: { index: 2, unit: 'atMs' } }],
  ['EXPIREAT', { at: { index: 2, unit: 'atSeconds' } }],
  ['PEXPIRE', { at: { index: 2, unit: 'inMs' }, absolute: 'PEXPIREAT' }],
  ['EXPIRE', { at: { index: 2, unit: 'inSeconds' }, absolute: 'PEXPIREAT' }],
  ['HPEXPIREAT', { at: { index: 2, unit: 'atMs' } }],
  ['HEXPIREAT', { at: { index: 2, unit: 'atSeconds' } }],
  ['RESTORE', { at: { index: 2, unit: 'atMs' } }],
  ['RESTORE-ASKING', { at: { index: 2, unit: 'atMs' } }],
  ['SET', { optionsFrom: 3 }],
  ['GETEX', { optionsFrom: 2 }],
  ['HSETEX', { optionsFrom: 2 }],
  ['HGETEX', { optionsFrom: 2 }],
  ['INCREX', { optionsFrom: 2 }],
  ['MSETEX', { optionsFrom: Number.POSITIVE_INFINITY }],
]);

const OPTIONS: Readonly<Record<string, Unit>> = { PXAT: 'atMs', EXAT: 'atSeconds', PX: 'inMs', EX: 'inSeconds' };
/** With its length and line ends, more than an option or a moment has. */
const SHORT = 64;

class Rewriter {
  /** What was not passed on: the argument under way may have to be another one. */
  held: Buffer = Buffer.alloc(0);
  readonly #shift: (atMs: number) => number;
  readonly #nowMs: (() => number) | undefined;
  readonly #reader: CommandReader;
  #form: Form | undefined;
  #optionsFrom = 0;
  #unit: Unit | undefined;
  /** Bytes at hand, and the offset of the first. */
  #window: Buffer = this.held;
  #windowAt = 0;
  /** The window is no piece of somebody else, and may be written to. */
  #isOwn = false;
  #passed = 0;
  /** Offset behind the argument before. */
  #mark = 0;
  #out: Buffer[] = [];

  constructor(shift: (atMs: number) => number, nowMs?: () => number) {
    this.#shift = shift;
    this.#nowMs = nowMs;
    this.#reader = new CommandReader(STREAM_BEGIN, { onArgument: (command, index, end) => this.#argument(command, index, end) });
  }

  pass(piece: Buffer): Buffer {
    this.#windowAt = this.#reader.offset - this.held.length;
    this.#isOwn = this.held.length > 0;
    this.#window = this.#isOwn ? Buffer.concat([this.held, piece]) : piece;
    this.#reader.read(piece);
    const { offset } = this.#reader;
    const isShort = this.#mark < offset && offset - this.#mark < SHORT;
    this.held = isShort ? Buffer.from(this.#bytes(this.#mark, offset)) : Buffer.alloc(0);
    this.#passUntil(offset - this.held.length);
    const out = this.#out;
    this.#out = [];
    return out.length === 1 && out[0] ? out[0] : Buffer.concat(out);
  }

  #argument(command: LoggedCommand, index: number, end: number): void {
    if (index === 0) this.#begin(command, end);
    else if (this.#form !== undefined) this.#inForm(this.#form, index, end);
    this.#mark = end;
  }

  #begin({ name, typed }: LoggedCommand, end: number): void {
    this.#form = FORMS.get(name);
    this.#optionsFrom = this.#form?.optionsFrom ?? 0;
    this.#unit = undefined;
    const { absolute } = this.#form ?? {};
    if (absolute !== undefined && this.#nowMs) this.#replace(end - encodeBulk(typed).length, end, absolute);
  }

  #inForm({ at }: Form, index: number, end: number): void {
    if (at !== undefined) {
      if (index === at.index) this.#moment(at.unit, this.#text(end), end);
    } else if (this.#optionsFrom === Number.POSITIVE_INFINITY) this.#optionsFrom = 2 + 2 * Number(this.#text(end));
    else if (index >= this.#optionsFrom) this.#option(this.#text(end).toUpperCase(), end);
  }

  #option(text: string, end: number): void {
    if (this.#unit !== undefined) this.#moment(this.#unit, text, end);
    this.#unit = Object.hasOwn(OPTIONS, text) ? OPTIONS[text] : undefined;
    if (text === 'FIELDS') this.#form = undefined; // behind it are names and values
    if (this.#nowMs && (text === 'PX' || text === 'EX')) this.#replace(this.#mark, end, 'PXAT');
  }

  #moment(unit: Unit, text: string, end: number): void {
    if (!/^-?\d{1,15}$/.test(text) || (text === '0' && unit === 'atMs')) return; // RESTORE: 0 is no time to live
    const number = Number(text);
    const nowMs = this.#nowMs?.();
    let shifted: number;
    if (unit === 'atMs') shifted = this.#shift(number);
    else if (unit === 'atSeconds') shifted = Math.round(this.#shift(number * 1000) / 1000);
    else if (nowMs !== undefined) shifted = nowMs + (unit === 'inMs' ? number : number * 1000);
    else return;
    if (shifted !== number) this.#replace(this.#mark, end, `${Math.max(1, shifted)}`);
  }

  /** The argument that ends there, if it is short. */
  #text(end: number): string {
    if (this.#mark < this.#windowAt || end - this.#mark > SHORT) return '';
    const bytes = this.#bytes(this.#mark, end);
    return bytes.toString('latin1', bytes.indexOf(10) + 1, bytes.length - 2);
  }

  #replace(from: number, end: number, text: string): void {
    if (end - from === text.length + `$${text.length}`.length + 4) {
      if (!this.#isOwn) this.#window = Buffer.from(this.#window);
      this.#isOwn = true;
      this.#window.write(text, end - 2 - text.length - this.#windowAt, 'latin1');
      return;
    }
    this.#passUntil(from);
    this.#out.push(encodeBulk(text));
    this.#passed = end;
  }

  #passUntil(offset: number): void {
    if (offset > this.#passed) this.#out.push(this.#bytes(this.#passed, offset));
    this.#passed = offset;
  }

  #bytes(from: number, end: number): Buffer {
    return this.#window.subarray(from - this.#windowAt, end - this.#windowAt);
  }
}
