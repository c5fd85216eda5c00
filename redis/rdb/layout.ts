/**
 * A layout says, piece by piece, what stands in a record of an RDB after its first byte, as far as it takes to find the end.
 * Layouts are compiled into one array of (operation, argument) pairs that the walker steps through: being able to stop after
 * any piece is what lets a chunk end anywhere.
 */

/** What one step does. The most frequent come first. */
export const DO = {
  header: 0,
  /** The first byte of the next record: a type or an opcode. */
  record: 1,
  /** A key: classified and counted. */
  key: 2,
  /** Stepped over. */
  string: 3,
  length: 4,
  /** As many bytes as the argument says. */
  bytes: 5,
  textDouble: 6,
  /** A length n, then the body n times. Argument: where it goes on after the last time. */
  many: 7,
  /** The end of a body. Argument: its beginning. */
  again: 8,
  expireMs: 9,
  expireSeconds: 10,
  selectDb: 11,
  /** How many keys the database has: checked against those counted. */
  dbSize: 12,
  auxName: 13,
  auxValue: 14,
  functionLibrary: 15,
  /** The 64-bit id of a module's data type: its name is noted. */
  moduleId: 16,
  /** What a module wrote: tagged pieces up to an end mark. */
  moduleValue: 17,
  /** The 32-bit id of a class of key metadata: its name is noted. */
  metadataClass: 18,
  /** Slots are in use: the sizes announced are then not those of this file. */
  slots: 19,
  /** The template of hashes: its id, and n field names. Argument as of `many`. */
  template: 20,
  /** The id of a template, then its n values. Argument as of `many`. */
  templateValues: 21,
  /** Head of an array: n, and an insert cursor that may be there; then n times the body. Argument as of `many`. */
  array: 22,
  /** A tag, and then a string or eight bytes. */
  tagged: 23,
  trailer: 24,
  /** Nothing may follow. */
  nothing: 25,
  /** When fields of a hash expire, in milliseconds: eight bytes. */
  fieldExpireMs: 26,
  /** The same as a length. */
  fieldExpireLength: 27,
  /** A listpack of (field, value, when it expires). */
  fieldListpack: 28,
} as const;

export type LayoutOperation = (typeof DO)[keyof typeof DO];
export type Layout = readonly Piece[];
type Piece = LayoutOperation | { do: LayoutOperation; argument: number } | { loop: LayoutOperation; body: Layout };

export const bytes = (count: number): Piece => ({ do: DO.bytes, argument: count });
export const many = (...body: Layout): Piece => ({ loop: DO.many, body });
export const loop = (head: LayoutOperation, ...body: Layout): Piece => ({ loop: head, body });
export const times = (count: number, piece: Piece): Layout => new Array<Piece>(count).fill(piece);

/** Deepest nesting of loops in any layout. */
export const DEEPEST_LOOP = 8;

/** Appends a layout to a program; answers where it starts. */
export function compile(layout: Layout, program: number[]): number {
  const start = program.length;
  for (const piece of layout) {
    if (typeof piece === 'number') program.push(piece, 0);
    else if ('do' in piece) program.push(piece.do, piece.argument);
    else {
      const head = program.push(piece.loop, 0) - 1;
      const body = compile(piece.body, program);
      program.push(DO.again, body);
      program[head] = program.length;
    }
  }
  return start;
}
