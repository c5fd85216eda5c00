import { bytes, compile, DO, type Layout, loop, many, times } from './layout.ts';

export type Magic = 'REDIS' | 'VALKEY';
export interface RdbVersion {
  magic: Magic;
  version: number;
}

/** Magic and version: the header of every RDB. */
export const HEADER_BYTES = 9;
/** The CRC64 behind the EOF opcode. */
export const TRAILER_BYTES = 8;
/** RDB 5 (Redis 2.6) and later have one; older ones end with the opcode. */
export const trailerBytesOf = ({ magic, version }: RdbVersion): number => (magic === 'REDIS' && version < 5 ? 0 : TRAILER_BYTES);

/**
 * What the first nine bytes say, `REDIS0012` or `VALKEY080`; undefined: this is no RDB.
 * @see valkey src/rdb.h: versions from 80 on have the magic VALKEY, 12 to 79 are left to Redis
 */
export function rdbVersionOf(first: Uint8Array): RdbVersion | undefined {
  const text = Buffer.from(first.buffer, first.byteOffset, Math.min(first.length, HEADER_BYTES)).toString('latin1');
  const [, magic, digits] = /^(REDIS(?=\d{4}$)|VALKEY(?=\d{3}$))(\d+)$/.exec(text) ?? [];
  return magic === undefined ? undefined : { magic: magic as Magic, version: Number(digits) };
}

/** Why this version cannot be read, or undefined. */
export function whyUnknown({ magic, version }: RdbVersion): string | undefined {
  const { oldest, newest } = KNOWN[magic];
  if (version > newest) return `RDB version ${version} is newer than ${newest}, the newest known of ${magic}`;
  if (version < oldest) return `${magic} has no RDB version ${version} that is known; the oldest is ${oldest}`;
  return undefined;
}

/** Whether real servers of this version wrote what the layouts were tried on; others follow published descriptions. */
export const isProvenVersion = ({ magic, version }: RdbVersion): boolean => magic === 'REDIS' && version <= 12;

const KNOWN = { REDIS: { oldest: 1, newest: 15 }, VALKEY: { oldest: 80, newest: 81 } } as const;

const { string, length, key, textDouble, moduleId, moduleValue } = DO;
const oneString: Layout = [key, string];

/** Entries, and groups with their pending entries. Each generation appended pieces; 4 is idempotent producers, 5 is XNACK. */
const stream = (generation: 1 | 2 | 3 | 4 | 5): Layout => {
  const since = (first: number, ...pieces: Layout): Layout => (generation >= first ? pieces : []);
  const pending = many(bytes(16), bytes(8), length);
  const consumer = many(string, bytes(8), ...since(3, bytes(8)), many(bytes(16)));
  const group = many(string, length, length, ...since(2, length), pending, consumer, ...since(5, many(bytes(16))));
  const producers = many(string, many(string, length, length));
  const ids = since(2, ...times(5, length));
  return [key, many(string, string), ...times(3, length), ...ids, group, ...since(4, length, length, producers, length, length)];
};

interface Definition {
  code: number;
  layout: Layout;
  /** First RDB version with it; undefined: that fork has it not, or has something else under this number. */
  redis?: number;
  valkey?: number;
}
const both = (code: number, layout: Layout, since = 1): Definition => ({ code, layout, redis: since, valkey: 80 });
const redis = (since: number, code: number, layout: Layout): Definition => ({ code, layout, redis: since });
const valkey = (since: number, code: number, layout: Layout): Definition => ({ code, layout, valkey: since });

/**
 * Every record type. Values in a single blob (ziplist, zipmap, intset, listpack) are one string here.
 * @see redis 7.4 src/rdb.h and rdb.c, rdbLoadRioWithLoadingCtx and rdbLoadObject; redis 8.6 src/keymeta.c; valkey 9 src/rdb.h.
 * Left out, so reported as not readable: 6 (modules of Redis 4.0 RC), 29, 31 (only in DUMP), 33 (GCRA), 246 (functions of 7.0 RC),
 * Valkey 23 (path hashes) and 242 (forkless save).
 */
const DEFINITIONS: readonly Definition[] = [
  both(0, oneString),
  both(1, [key, many(string)]), // list
  both(2, [key, many(string)]), // set
  both(3, [key, many(string, textDouble)]), // sorted set
  both(4, [key, many(string, string)]), // hash
  both(5, [key, many(string, bytes(8))]), // sorted set, binary scores
  both(7, [key, moduleId, moduleValue]),
  both(9, oneString), // hash: zipmap
  both(10, oneString), // list: ziplist
  both(11, oneString), // set: intset
  both(12, oneString), // sorted set: ziplist
  both(13, oneString), // hash: ziplist
  both(14, [key, many(string)]), // list: quicklist of ziplists
  both(15, stream(1)),
  both(16, oneString, 10), // hash: listpack
  both(17, oneString, 10), // sorted set: listpack
  both(18, [key, many(length, string)], 10), // list: quicklist of listpacks and plain nodes
  both(19, stream(2), 10),
  both(20, oneString, 11), // set: listpack
  both(21, stream(3), 11),
  redis(12, 22, [key, many(DO.fieldExpireLength, string, string)]), // hash with field TTLs, 7.4 RC
  redis(12, 23, [key, DO.fieldListpack]), // the same as listpack
  redis(12, 24, [key, DO.fieldExpireMs, many(length, string, string)]), // hash with field TTLs, which count from the first
  redis(12, 25, [key, DO.fieldExpireMs, DO.fieldListpack]), // the same as listpack; its moments are whole
  redis(13, 26, stream(4)),
  redis(14, 27, stream(5)),
  redis(14, 28, [key, loop(DO.array, length, DO.tagged)]),
  redis(15, 30, oneString), // hash of a template, as listpack
  redis(15, 32, [key, loop(DO.templateValues, string)]), // hash of a template
  valkey(80, 22, [key, many(string, string, DO.fieldExpireMs)]), // hash with field TTLs

  redis(15, 242, [loop(DO.template, string)]),
  redis(13, 243, [many(DO.metadataClass, moduleValue)]), // module metadata of the key that follows
  valkey(80, 243, [DO.slots, string, many(length, length)]), // slots being imported
  both(244, [DO.slots, length, length, length], 11), // slot, keys, keys with a time to live
  both(245, [DO.functionLibrary, string], 10),
  both(247, [moduleId, DO.length, length, moduleValue]), // a module's data beside the keys
  both(248, [length]), // idle time
  both(249, [bytes(1)]), // access frequency
  both(250, [DO.auxName, DO.auxValue]),
  both(251, [DO.dbSize, length]),
  both(252, [DO.expireMs]),
  both(253, [DO.expireSeconds]),
  both(254, [DO.selectDb]),
  both(255, [DO.trailer, DO.nothing]), // end
];

const program: number[] = [];
/** Where reading starts. */
export const START: number = compile([DO.header, DO.record], program);
const compiled = DEFINITIONS.map((definition) => ({
  ...definition,
  start: compile([...definition.layout, DO.record], program),
}));
export const PROGRAM: Int32Array = Int32Array.from(program);

/** For each first byte of a record the place in the program, or -1: not readable in this version. */
export function entriesOf({ magic, version }: RdbVersion): Int32Array {
  const entries = new Int32Array(256).fill(-1);
  for (const { code, start, ...since } of compiled) {
    const first = magic === 'REDIS' ? since.redis : since.valkey;
    if (first !== undefined && version >= first) entries[code] = start;
  }
  return entries;
}
