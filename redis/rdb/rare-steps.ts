import { type Cursor, RAW } from './cursor.ts';
import { foreign, RdbError } from './errors.ts';
import { entriesOf, HEADER_BYTES, type RdbVersion, rdbVersionOf, TRAILER_BYTES, trailerBytesOf, whyUnknown } from './format.ts';
import { DO } from './layout.ts';
import { unpackString } from './packed-string.ts';
import type { Tally } from './tally.ts';

/** `listpack`: a string, with its head, that is a listpack of (field, value, moment). */
export type ExpiryForm = 'ms' | 'seconds' | 'fieldMs' | 'fieldLength' | 'listpack';

/** What a rare step knows of the walk that it is a part of, and may change. */
export interface Walking {
  header?: RdbVersion;
  /** For each type and opcode of this version its layout, a place in the program; -1: not known. */
  entries: Int32Array;
  readonly tally: Tally;
  /** Fields of each hash template met, by its id. */
  readonly templates: Map<number, number>;
  /** The name of the auxiliary field whose value comes next. */
  auxName: string;
  /** Of the key to come; NaN: it has none. */
  expireAtMs: number;
  /** Told where in the RDB an expiry stands, of a key or of hash fields. */
  onExpiry: ((form: ExpiryForm, offset: number, bytes: number) => void) | undefined;
  /** To the next step, past some bytes, which may lie in chunks to come. */
  skip(bytes: number): true;
  /** Into the loop that begins here. */
  enter(count: number): true;
}

type Step = (walker: Walking, cursor: Cursor) => boolean;

/** A step that only tells somebody of a length, or that it was here. */
const afterLength =
  (tell: (walker: Walking, cursor: Cursor) => void): Step =>
  (walker, cursor) => {
    if (!cursor.length()) return false;
    tell(walker, cursor);
    return walker.skip(0);
  };
const inPassing =
  (tell: (walker: Walking) => void): Step =>
  (walker) => {
    tell(walker);
    return walker.skip(0);
  };

/** The steps that are not taken for each key. False: the bytes for it are not all here, and it is taken again with more. */
const STEPS: { readonly [operation: number]: Step } = {
  [DO.header]: header,
  [DO.textDouble]: (walker, { bytes, position }) => walker.skip(textDoubleBytes(bytes[position] as number)),
  [DO.expireSeconds]: expireSeconds,
  [DO.selectDb]: afterLength(({ tally }, { value }) => tally.selectDb(value)),
  [DO.dbSize]: afterLength(({ tally }, { value }) => tally.announce(value)),
  [DO.auxName]: auxName,
  [DO.auxValue]: auxValue,
  [DO.functionLibrary]: inPassing(({ tally }) => tally.noteFunctionLibrary()),
  [DO.slots]: inPassing(({ tally }) => tally.noteSlots()),
  [DO.moduleId]: afterLength(({ tally }, { high, low }) => tally.modules.noteType(high, low)),
  [DO.moduleValue]: modulePiece,
  [DO.metadataClass]: metadataClass,
  [DO.template]: template,
  [DO.templateValues]: templateValues,
  [DO.array]: array,
  [DO.tagged]: tagged,
  [DO.fieldExpireMs]: (walker, { offset }) => {
    walker.onExpiry?.('fieldMs', offset, 8);
    return walker.skip(8);
  },
  [DO.fieldExpireLength]: fieldExpireLength,
  [DO.fieldListpack]: fieldListpack,
  [DO.trailer]: (walker) => walker.skip(walker.header ? trailerBytesOf(walker.header) : TRAILER_BYTES),
};

export function takeRareStep(operation: number, walker: Walking, cursor: Cursor): boolean {
  const step = STEPS[operation];
  if (step === undefined) throw cursor.broken('more bytes, after the end of the RDB,'); // DO.nothing
  const { position } = cursor;
  if (step(walker, cursor)) return true;
  cursor.position = position; // it may have read a part
  return false;
}

function header(walker: Walking, cursor: Cursor): boolean {
  if (cursor.position + HEADER_BYTES > cursor.end) return false;
  const first = cursor.bytes.subarray(cursor.position, cursor.position + HEADER_BYTES);
  const version = rdbVersionOf(first);
  if (version === undefined) throw foreign(first);
  walker.header = version;
  const unknown = whyUnknown(version);
  if (unknown !== undefined) throw new RdbError('unknown', `${unknown} (header, byte 0)`);
  walker.entries = entriesOf(version);
  return walker.skip(HEADER_BYTES);
}

/** A score of RDB 1 to 7: one byte of length, then digits; 253 to 255 stand for nan and the infinities. */
const textDoubleBytes = (length: number): number => (length < 253 ? 1 + length : 1);

function expireSeconds(walker: Walking, cursor: Cursor): boolean {
  if (cursor.position + 4 > cursor.end) return false;
  walker.expireAtMs = (cursor.littleEndian(cursor.position) | 0) * 1000;
  walker.onExpiry?.('seconds', cursor.offset, 4);
  return walker.skip(4);
}

function fieldExpireLength(walker: Walking, cursor: Cursor): boolean {
  const at = cursor.offset;
  if (!cursor.length()) return false;
  walker.onExpiry?.('fieldLength', at, cursor.offset - at);
  return walker.skip(0);
}

function fieldListpack(walker: Walking, cursor: Cursor): boolean {
  const at = cursor.offset;
  if (!cursor.stringHead()) return false;
  walker.onExpiry?.('listpack', at, cursor.offset - at + cursor.value);
  return walker.skip(cursor.value);
}

/** Auxiliary fields that are kept. Others are read over: KeyDB writes some with each key, 6.2 whole scripts. */
const AUX_KEPT: ReadonlySet<string> = new Set(
  ['redis-ver', 'valkey-ver', 'redis-bits', 'ctime', 'used-mem', 'aof-base', 'aof-preamble'].concat(
    ['repl-stream-db', 'repl-id', 'repl-offset'], // only where there is, or was, a replica
  ),
);
const LONGEST_AUX_BYTES = 256;
const auxText = new Uint8Array(LONGEST_AUX_BYTES);

function auxName(walker: Walking, cursor: Cursor): boolean {
  if (!cursor.stringHead()) return false;
  if (cursor.value <= LONGEST_AUX_BYTES && cursor.position + cursor.value > cursor.end) return false;
  const text = textOf(cursor);
  walker.auxName = AUX_KEPT.has(text) ? text : '';
  return walker.skip(cursor.value);
}

function auxValue(walker: Walking, cursor: Cursor): boolean {
  if (!cursor.stringHead()) return false;
  if (walker.auxName !== '' && cursor.value <= LONGEST_AUX_BYTES) {
    if (cursor.position + cursor.value > cursor.end) return false;
    walker.tally.noteAux(walker.auxName, textOf(cursor));
  }
  return walker.skip(cursor.value);
}

/** Of a short string that is all here. */
function textOf({ encoding, bytes, position, value }: Cursor): string {
  if (value > LONGEST_AUX_BYTES) return '';
  if (encoding === RAW) return Buffer.from(bytes.subarray(position, position + value)).toString();
  const length = unpackString(encoding, bytes, position, value, auxText);
  return Buffer.from(auxText.subarray(0, Math.max(0, length))).toString();
}

const MODULE = { end: 0, signed: 1, unsigned: 2, float: 3, double: 4, string: 5 } as const;

/** One tag and what it announces; the value of a module goes on until the tag `end`. */
function modulePiece(walker: Walking, cursor: Cursor): boolean {
  const at = cursor.offset;
  if (!cursor.length()) return false;
  switch (cursor.value) {
    case MODULE.end:
      return walker.skip(0);
    case MODULE.signed:
    case MODULE.unsigned:
      return cursor.length();
    case MODULE.float:
    case MODULE.double:
      cursor.position += cursor.value === MODULE.float ? 4 : 8;
      return true;
    case MODULE.string:
      if (!cursor.stringHead()) return false;
      cursor.position += cursor.value;
      return true;
    default:
      throw new RdbError('unknown', `tag ${cursor.value} in the value of a module at byte ${at} is not known`);
  }
}

function metadataClass(walker: Walking, cursor: Cursor): boolean {
  if (cursor.position + 4 > cursor.end) return false;
  walker.tally.modules.noteMetadataClass(cursor.littleEndian(cursor.position));
  return walker.skip(4);
}

function template(walker: Walking, cursor: Cursor): boolean {
  if (!cursor.length()) return false;
  const id = cursor.value;
  if (!cursor.length()) return false;
  walker.templates.set(id, cursor.value);
  return walker.enter(cursor.value);
}

function templateValues(walker: Walking, cursor: Cursor): boolean {
  if (!cursor.length()) return false;
  const fields = walker.templates.get(cursor.value);
  if (fields === undefined) throw cursor.broken(`hash of the template ${cursor.value}, which there is not,`);
  return walker.enter(fields);
}

/** How many elements, and the insert cursor if there was ever one. */
function array(walker: Walking, cursor: Cursor): boolean {
  if (!cursor.length()) return false;
  const elements = cursor.value;
  if (!cursor.length()) return false;
  if (cursor.value > 1) throw cursor.broken(`array with the flag ${cursor.value}`);
  if (cursor.value === 1 && !cursor.length()) return false;
  return walker.enter(elements);
}

/** An element of an array: a string (0; short: 3), a number (1) or a double (2). */
function tagged(walker: Walking, cursor: Cursor): boolean {
  if (!cursor.length()) return false;
  if (cursor.value > 3) throw cursor.broken(`array element with the tag ${cursor.value}`);
  if (cursor.value === 1 || cursor.value === 2) return walker.skip(8);
  return cursor.stringHead() && walker.skip(cursor.value);
}
