import { randomBytes } from 'node:crypto';
import type { Random } from '../../support/random.ts';
import { isAtLeast, type RedisBinary } from '../../support/redis-binaries.ts';

type Args = string[];
type Maker = (random: Random, key: (type: string) => string) => Args[];

const HOUR_MS = 3_600_000;
const value = ({ below }: Random): string => 'x'.repeat(below(4) === 0 ? below(3000) : below(30)) + below(1000);
const number = ({ below }: Random): string => `${below(50)}`;
const many = (random: Random, make: () => string | string[]): string[] =>
  Array.from({ length: 1 + random.below(5) }, make).flat();
const ttl = ({ below }: Random): string => `${HOUR_MS + below(HOUR_MS)}`;

/** One write of each kind; a transaction or a script is several commands. Keys of one type have a prefix, so that few collide. */
const MAKERS: Maker[] = [
  (r, key) => [['SET', key('s'), value(r)]],
  (r, key) => [['SET', key('s'), value(r), r.pick(['PX', 'px']), ttl(r)]],
  (r, key) => [['SET', key('s'), value(r), 'EX', '7200', 'GET']],
  (r, key) => [['SET', key('s'), value(r), 'PXAT', `${Date.now() + HOUR_MS}`]],
  (r, key) => [['SETEX', key('s'), '7200', value(r)]],
  (r, key) => [['PSETEX', key('s'), ttl(r), value(r)]],
  (r, key) => [['GETEX', key('s'), ...r.pick([['PERSIST'], ['PX', ttl(r)], ['EX', '9000']])]],
  (_, key) => [['GETDEL', key('s')]],
  (r, key) => [['MSET', ...many(r, () => [key('s'), value(r)])]],
  (r, key) => [['APPEND', key('s'), value(r)]],
  (r, key) => [['SETRANGE', key('s'), number(r), value(r)]],
  (_, key) => [['INCRBYFLOAT', key('n'), '1.5']],
  (_, key) => [['INCR', key('i')]],
  (r, key) => [['SETBIT', key('b'), number(r), '1']],
  (r, key) => [['BITFIELD', key('b'), 'INCRBY', 'u8', number(r), '3']],
  (_, key) => [['BITOP', 'XOR', key('b'), key('b'), key('s')]],
  (r, key) => [['PFADD', key('p'), ...many(r, () => value(r))]],
  (_, key) => [['PFCOUNT', key('p')]],
  (_, key) => [['PFMERGE', key('p'), key('p'), key('p')]],
  (r, key) => [[r.pick(['LPUSH', 'RPUSH']), key('l'), ...many(r, () => value(r))]],
  (r, key) => [[r.pick(['LPOP', 'RPOP']), key('l'), '2']],
  (_, key) => [['LMOVE', key('l'), key('l'), 'LEFT', 'RIGHT']],
  (_, key) => [['BLPOP', key('l'), '0.01']],
  (r, key) => [['LTRIM', key('l'), '0', number(r)]],
  (r, key) => [['LINSERT', key('l'), 'BEFORE', value(r), 'y']],
  (r, key) => [['SADD', key('t'), ...many(r, () => r.pick([number(r), value(r)]))]],
  (r, key) => [['SPOP', key('t'), ...r.pick([[], ['2'], ['1000']])]],
  (_, key) => [['SUNIONSTORE', key('t'), key('t'), key('t')]],
  (r, key) => [['SMOVE', key('t'), key('t'), number(r)]],
  (r, key) => [['ZADD', key('z'), ...many(r, () => [number(r), value(r)])]],
  (r, key) => [['ZINCRBY', key('z'), '0.1', value(r)]],
  (r, key) => [[r.pick(['ZPOPMIN', 'ZPOPMAX']), key('z'), '2']],
  (_, key) => [['ZUNIONSTORE', key('z'), '2', key('z'), key('z')]],
  (_, key) => [['ZRANGESTORE', key('z'), key('z'), '0', '3']],
  (r, key) => [['GEOADD', key('g'), '13.36', '38.11', value(r)]],
  (r, key) => [['HSET', key('h'), ...many(r, () => [`f${number(r)}`, value(r)])]],
  (r, key) => [['HDEL', key('h'), `f${number(r)}`]],
  (r, key) => [['HINCRBYFLOAT', key('hn'), `f${number(r)}`, '0.3']],
  (r, key) => [['XADD', key('x'), 'MAXLEN', '~', '50', '*', 'field', value(r)]],
  (_, key) => [['XGROUP', 'CREATE', key('x'), 'readers', '0', 'MKSTREAM']],
  (r, key) => [['XREADGROUP', 'GROUP', 'readers', r.pick(['anna', 'bob']), 'COUNT', '3', 'STREAMS', key('x'), '>']],
  (_, key) => [['XAUTOCLAIM', key('x'), 'readers', 'bob', '0', '0', 'COUNT', '2']],
  (_, key) => [['XTRIM', key('x'), 'MAXLEN', '5']],
  (_, key) => [['SORT', key('l'), 'ALPHA', 'STORE', key('l')]],
  (r, key) => [[r.pick(['EXPIRE', 'expire']), r.pick([key('s'), key('l'), key('h')]), '5000']],
  (r, key) => [['PEXPIREAT', key('z'), `${Date.now() + HOUR_MS + r.below(HOUR_MS)}`]],
  (_, key) => [['PERSIST', key('s')]],
  (r, key) => [[r.pick(['DEL', 'UNLINK']), key('s'), key('l'), key('x')]],
  (_, key) => [['RENAME', key('s'), key('s')]],
  (_, key) => [['COPY', key('s'), key('s'), 'REPLACE']],
  (_, key) => [['MOVE', key('s'), '7']],
  (_, key) => [['SET', key('short'), 'gone soon', 'PX', '2']],
  (_, key) => [['PUBLISH', 'channel', key('s')]],
  (_, key) => [['MULTI'], ['SET', key('s'), 'in a transaction'], ['SELECT', '3'], ['INCR', key('i')], ['SELECT', '0'], ['EXEC']],
  (_, key) => [['MULTI'], ['LPUSH', key('s'), 'fails perhaps'], ['EXEC']],
  (_, key) => [
    ['EVAL', "redis.call('INCR', KEYS[1]) redis.call('SADD', KEYS[2], 'a') return redis.call('TIME')", '2', key('i'), key('t')],
  ],
  (_, key) => [['EVAL', "return redis.call('SET', KEYS[1], math.random(), 'EX', 9000)", '1', key('s')]],
  (r) => [['SELECT', r.pick(['0', '0', '1', '9'])]],
  (r) => (r.below(20) === 0 ? [['SWAPDB', '1', '9']] : []),
  (r) => (r.below(40) === 0 ? [['FLUSHDB']] : []),
];

const SINCE_7: Maker[] = [
  (_, key) => [['LMPOP', '1', key('l'), 'LEFT', 'COUNT', '2']],
  (_, key) => [['EXPIRE', key('s'), '6000', 'GT']],
  () => [
    [
      'FUNCTION',
      'LOAD',
      'REPLACE',
      "#!lua name=lib\nredis.register_function('add', function(keys) redis.call('INCR', keys[1]) return redis.call('INCR', keys[1]) end)",
    ],
  ],
  (_, key) => [['FCALL', 'add', '1', key('i')]],
];

const SINCE_8: Maker[] = [
  (r, key) => [['HPEXPIRE', key('h'), ttl(r), 'FIELDS', '2', `f${number(r)}`, `f${number(r)}`]],
  (r, key) => [['HEXPIREAT', key('h'), `${Math.floor(Date.now() / 1000) + 7200}`, 'FIELDS', '1', `f${number(r)}`]],
  (r, key) => [['HPERSIST', key('h'), 'FIELDS', '1', `f${number(r)}`]],
  (r, key) => [['HSETEX', key('h'), 'EX', '7000', 'FIELDS', '1', `f${number(r)}`, value(r)]],
  (r, key) => [['HGETEX', key('h'), 'PX', ttl(r), 'FIELDS', '1', `f${number(r)}`]],
  (r, key) => [['HGETDEL', key('h'), 'FIELDS', '1', `f${number(r)}`]],
  (_, key) => [['XDELEX', key('x'), 'DELREF', 'IDS', '1', '1-1']],
];

/** Random writes over all types that the server knows; `select` of the last one is not undone. */
export function* anyCommands(count: number, random: Random, binary: RedisBinary): Generator<Args> {
  const makers = [...MAKERS, ...(isAtLeast(binary, 7) ? SINCE_7 : []), ...(isAtLeast(binary, 8) ? SINCE_8 : [])];
  const key = (type: string) => (type === 'short' ? `short:${randomBytes(4).toString('hex')}` : `${type}:${random.below(6)}`);
  for (let made = 0; made < count; ) {
    for (const args of random.pick(makers)(random, key)) {
      made += 1;
      yield args;
    }
  }
}
