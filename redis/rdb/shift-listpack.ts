import { Cursor, RAW } from './cursor.ts';
import { unpackString } from './packed-string.ts';

const HEAD_BYTES = 6;
const END = 0xff;
/** Field, value, moment. */
const TRIPLE = 3;
/** The one integer that has room for a moment of today: eight bytes behind it. A field without one has a 0, of one byte. */
const INT64 = 0xf4;

/**
 * Moves the moments in a listpack of hash fields, given as a string of an RDB with its head. It comes out as its bytes: what
 * was packed by LZF is larger then.
 * @param move - of milliseconds since 1970
 * @returns undefined: damaged
 * @see redis 7.4 src/listpack.c lpEncodeGetType and lpEncodeBacklenBytes, t_hash.c listpackExAddInternal
 */
export function shiftListpack(string: Buffer, move: (atMs: bigint) => bigint): Buffer | undefined {
  const listpack = unpacked(string);
  if (!listpack) return undefined;
  let at = HEAD_BYTES;
  for (let index = 0; listpack[at] !== END; index++) {
    const bytes = entryBytes(listpack, at);
    const end = at + bytes + backlenBytes(bytes);
    if (bytes === 0 || end >= listpack.length) return undefined;
    if (index % TRIPLE === TRIPLE - 1 && listpack[at] === INT64) {
      listpack.writeBigInt64LE(move(listpack.readBigInt64LE(at + 1)), at + 1);
    }
    at = end;
  }
  return at + 1 === listpack.length ? Buffer.concat([lengthOf(listpack.length), listpack]) : undefined;
}

function unpacked(string: Buffer): Buffer | undefined {
  const cursor = new Cursor();
  cursor.bytes = string;
  cursor.end = string.length;
  if (!cursor.stringHead()) return undefined;
  const { position, value, encoding, unpackedBytes } = cursor;
  if (encoding === RAW) return Buffer.from(string.subarray(position, position + value));
  const out = Buffer.alloc(unpackedBytes);
  return unpackString(encoding, string, position, value, out) === unpackedBytes ? out : undefined;
}

/** Of the entry that begins there, with its first byte; 0: there is no such entry. */
function entryBytes(listpack: Buffer, at: number): number {
  const first = listpack[at] ?? END;
  if (first < 0x80) return 1;
  if (first < 0xc0) return 1 + (first & 0x3f);
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 2 + ((first & 0x0f) << 8) + (listpack[at + 1] ?? 0);
  if (first === 0xf0) return at + 5 <= listpack.length ? 5 + listpack.readUInt32LE(at + 1) : 0;
  return { 241: 3, 242: 4, 243: 5, [INT64]: 9 }[first] ?? 0;
}

const backlenBytes = (entry: number): number => [127, 16_382, 2_097_150, 268_435_454].filter((most) => entry > most).length + 1;

/** As an RDB has the length of a string. */
function lengthOf(bytes: number): Buffer {
  const head = Buffer.alloc(5, 0x80);
  head.writeUInt32BE(bytes, 1);
  return head;
}
