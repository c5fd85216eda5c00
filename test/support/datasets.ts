import { type Command, pipeline, type Target } from './pipeline.ts';
import { randomFrom } from './random.ts';

export { type AllTypesOptions, fillAllTypes } from './all-types.ts';

/** Of 100 keys, how many are of each data class (`other`: of none). */
export const DATA_CLASS_SHARES = { session: 50, cache: 25, ratelimit: 15, flag: 1, perm: 8, other: 1 } as const;
type Kind = keyof typeof DATA_CLASS_SHARES;

export interface DataClassOptions {
  keys: number;
  /** Default 1. The same seed, number of keys and clock give the same data. */
  seed?: number;
  /** What TTLs are counted from, milliseconds since 1970. Default: now. */
  nowMs?: number;
  /** Seconds that every key lives longer than its class wants, so that none expires under a test. Default 0. */
  extraSeconds?: number;
}

/**
 * Keys as applications have them, with the TTLs of the default data classes: sessions as JSON or as hashes, API responses of 100
 * to 600 bytes that LZF and zstd find something in, counters, flags, permissions. About 270 bytes of RDB a key.
 */
export const fillDataClasses = (target: Target, options: DataClassOptions): Promise<void> =>
  pipeline(target, dataClassCommands(options));

export function* dataClassCommands(options: DataClassOptions): Generator<Command> {
  const { keys, seed = 1, nowMs = Date.now(), extraSeconds = 0 } = options;
  const { below } = randomFrom(seed);
  const prose = proseOf(below);
  const expireAt = (least: number, most: number): number =>
    nowMs + 1000 * (extraSeconds + least) + below(1000 * (most - least) + 1);
  const kinds = Object.entries(DATA_CLASS_SHARES).flatMap(([kind, share]) => new Array<Kind>(share).fill(kind as Kind));
  for (let n = 0; n < keys; n++) yield* MAKERS[kinds[n % 100] as Kind]({ n, below, prose, expireAt });
}

/** Text that repeats itself as much as JSON and HTML do. */
function proseOf(below: (limit: number) => number): (bytes: number) => string {
  const words = Array.from({ length: 200 }, () => below(2 ** 31).toString(36));
  let pool = '';
  while (pool.length < 100_000) pool += `"${words[below(40)]}":"${words[below(200)]}${below(100)}",`;
  return (bytes) => {
    const start = below(pool.length - bytes);
    return pool.slice(start, start + bytes);
  };
}

interface Maker {
  n: number;
  below(limit: number): number;
  prose(bytes: number): string;
  /** A moment so many seconds away. */
  expireAt(leastSeconds: number, mostSeconds: number): number;
}

const MAKERS: Record<Kind, (maker: Maker) => Command[]> = {
  session: ({ n, below, prose, expireAt }) => {
    const key = `session:${below(2 ** 32).toString(16)}${below(2 ** 32).toString(16)}-${n}`;
    const at = expireAt(1, 86_400);
    if (n % 2 === 0)
      return [['SET', key, `{"user":${n},"csrf":"${below(2 ** 32).toString(36)}",${prose(150 + below(350))}}`, 'PXAT', at]];
    const fields = ['user', n, 'csrf', below(2 ** 32).toString(36), 'roles', 'reader,writer', 'agent', prose(60 + below(120))];
    return [
      ['HSET', key, ...fields],
      ['PEXPIREAT', key, at],
    ];
  },
  cache: ({ n, below, prose, expireAt }) => [
    ['SET', `cache:api:/v1/items/${n}`, prose(100 + below(500)), 'PXAT', expireAt(300, 3600)],
  ],
  ratelimit: ({ n, below, expireAt }) => [
    ['SET', `ratelimit:10.${n & 255}.${(n >> 8) & 255}.${n >> 16}`, below(1000), 'PXAT', expireAt(60, 3600)],
  ],
  flag: ({ n, below, expireAt }) => [['SET', `flag:feature-${n}`, below(2), 'PXAT', expireAt(1, 60)]],
  perm: ({ n, below, prose, expireAt }) => [['SET', `perm:user:${n}`, prose(100 + below(100)), 'PXAT', expireAt(1, 300)]],
  other: ({ n, prose }) => [['SET', `config:${n}`, prose(100)]],
};
