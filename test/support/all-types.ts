import { type Command, pipeline, type Target } from './pipeline.ts';
import { randomFrom } from './random.ts';

export interface AllTypesOptions {
  /** Ordinary keys on top, spread over databases 0, 1 and 9. Default 1000. */
  keys?: number;
  /** What it doesn't know is left out. A `RedisBinary` will do. */
  server: { product: 'redis' | 'valkey'; version: string };
}

/** Fills a Redis with every type in each of its encodings, functions, TTLs, odd keys, and values larger than any chunk. */
export async function fillAllTypes(target: Target, { keys = 1000, server }: AllTypesOptions): Promise<void> {
  const [major = 0, minor = 0] = server.version.split('.').map(Number);
  await pipeline(target, [
    ...strings(),
    ...lists(),
    ...sets(),
    ...sortedSets(),
    ...hashes(),
    ...streams(),
    ...oddKeys(),
    ...expiring(),
  ]);
  if (major >= 7) await pipeline(target, functions());
  const fieldTtlSince = server.product === 'valkey' ? 9 : 7.4;
  if (major + minor / 10 >= fieldTtlSince) await pipeline(target, fieldExpiry());
  for (const db of [0, 1, 9]) await pipeline({ ...target, db }, ordinary(Math.ceil(keys / 3), db));
}

const range = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));

/** Bytes that nothing compresses. */
export function noise(length: number, seed = 7): Buffer {
  const { below } = randomFrom(seed);
  return Buffer.from(range(length, () => below(256)));
}

const strings = (): Command[] => [
  ['SET', 'string:empty', ''],
  ...[0, 127, -128, 32_767, -32_768, 2_147_483_647, -2_147_483_648, 9_007_199_254_740_991].map(
    (n): Command => ['SET', `string:${n}`, n],
  ),
  ['SET', 'string:float', '3.14159'],
  ['SET', 'string:lzf', 'the same again '.repeat(1000)],
  ['SET', 'string:big-lzf', 'and again '.repeat(50_000)],
  ['SET', 'string:noise', noise(300_000)],
  ['SETBIT', 'string:bits', 100_000, 1],
  ['PFADD', 'string:hll', ...range(1000, (n) => `visitor-${n}`)],
];

const lists = (): Command[] => [
  ['RPUSH', 'list:small', 'a', 1, '-5', 'b'.repeat(30)],
  ['RPUSH', 'list:many', ...range(5000, (n) => `element-${n}`)],
  ['RPUSH', 'list:plain-nodes', noise(20_000, 1), 'x'.repeat(20_000), 'small'],
];

const sets = (): Command[] => [
  ['SADD', 'set:int16', 1, 2, 3],
  ['SADD', 'set:int32', 1, 100_000],
  ['SADD', 'set:int64', 1, '5000000000'],
  ['SADD', 'set:few', 'a', 'b', 'c'],
  ['SADD', 'set:many', ...range(2000, (n) => `member-${n}`)],
];

const sortedSets = (): Command[] => [
  ['ZADD', 'zset:few', 1, 'a', 2.5, 'b', '-inf', 'c', '+inf', 'd'],
  ['ZADD', 'zset:many', ...range(2000, (n) => [n / 3, `member-${n}`]).flat()],
  ['GEOADD', 'zset:geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania'],
];

const hashes = (): Command[] => [
  ['HSET', 'hash:few', 'name', 'x', 'count', 7],
  ['HSET', 'hash:many', ...range(2000, (n) => [`field-${n}`, `value ${n} `.repeat(5)]).flat()],
  ['HSET', 'hash:long-value', 'field', noise(100_000, 3)],
];

const streams = (): Command[] => [
  ...range(500, (n): Command => ['XADD', 'stream:groups', `${1000 + n}-1`, 'temperature', n, 'place', 'cellar']),
  ['XGROUP', 'CREATE', 'stream:groups', 'readers', '0'],
  ['XGROUP', 'CREATE', 'stream:groups', 'idle', '$'],
  ['XREADGROUP', 'GROUP', 'readers', 'alice', 'COUNT', 50, 'STREAMS', 'stream:groups', '>'],
  ['XREADGROUP', 'GROUP', 'readers', 'bob', 'COUNT', 5, 'STREAMS', 'stream:groups', '>'],
  ['XACK', 'stream:groups', 'readers', '1000-1', '1001-1'],
  ['XDEL', 'stream:groups', '1010-1', '1499-1'],
  ['XADD', 'stream:one', '1-1', 'a', 'b'],
  ['XADD', 'stream:emptied', '1-1', 'a', 'b'],
  ['XDEL', 'stream:emptied', '1-1'],
];

const oddKeys = (): Command[] => [
  ['SET', '', 'the empty key'],
  ...['7', '-7', '12345', '-2147483648', '10000000000'].map((key): Command => ['SET', key, 'a number as a key']),
  ['SET', Buffer.from(range(256, (byte) => byte)), 'every byte'],
  ['SET', `session:${'a'.repeat(300)}`, 'LZF in the key'],
  ['SET', `cache:${'/same/path'.repeat(20_000)}`, 'a key longer than any chunk'],
  ['SET', Buffer.concat([Buffer.from('cache:'), noise(100_000, 5)]), 'and one that LZF cannot help'],
  ['SET', 'ключ:ünï', 'UTF-8'],
];

const expiring = (): Command[] => [
  ['SET', 'ttl:seconds', 'x', 'EX', 5000],
  ['SET', 'ttl:far', 'x', 'PXAT', 9_000_000_000_000],
  ['RPUSH', 'ttl:list', 'a'],
  ['PEXPIREAT', 'ttl:list', 8_000_000_000_000],
];

const functions = (): Command[] => [
  ['FUNCTION', 'LOAD', "#!lua name=one\nredis.register_function('one', function() return 1 end)"],
  ['FUNCTION', 'LOAD', "#!lua name=two\nredis.register_function('two', function() return 2 end)"],
];

const fieldExpiry = (): Command[] => [
  ['HSET', 'hash:few-with-ttl', 'a', 1, 'b', 2, 'c', 3],
  ['HPEXPIREAT', 'hash:few-with-ttl', 8_000_000_000_000, 'FIELDS', 2, 'a', 'b'],
  ['HSET', 'hash:many-with-ttl', ...range(1000, (n) => [`field-${n}`, `value-${n}`]).flat()],
  ['HPEXPIREAT', 'hash:many-with-ttl', 8_000_000_000_000, 'FIELDS', 2, 'field-1', 'field-999'],
];

const ordinary = (count: number, db: number): Command[] =>
  range(count, (n): Command => {
    const key = `${['session', 'cache', 'flag', 'unknown'][n % 4]}:${db}:${n}`;
    return n % 3 === 0 ? ['SET', key, n] : ['SET', key, `value ${n}`, 'PXAT', 7_000_000_000_000 + n * 1000];
  });
