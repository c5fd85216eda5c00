import type { Command } from '../test/support/pipeline.ts';
import { randomFrom } from '../test/support/random.ts';

/** Draws from one sequence: the same seed, the same data. */
interface Draw {
  n: number;
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
  /** Base64url, as in session tokens and ETags: what no compression makes smaller than three quarters. */
  token(characters: number): string;
}

/** Shares of the data classes, out of 100. */
const SHARES: [number, (draw: Draw) => Command[]][] = [
  [25, (draw) => [['SET', `session:${draw.token(32)}`, sessionJson(draw)]]],
  [15, sessionHash],
  [35, (draw) => [['SET', `cache:api:v2:/${draw.pick(RESOURCES)}/${draw.n}?fields=${draw.pick(FIELDS)}`, responseJson(draw)]]],
  [15, ({ n, below }) => [['SET', `ratelimit:api:10.${n % 251}.${below(256)}.${below(256)}:${n}`, below(600)]]],
  [2, ({ n, pick, token }) => [['SET', `flag:${pick(RESOURCES)}-${n}`, `{"enabled":${n % 3 > 0},"variant":"${token(8)}"}`]]],
  [7, permissionSet],
  [1, ({ n, token }) => [['SET', `job:${n}`, token(100)]]],
];

const RESOURCES = ['products', 'orders', 'customers', 'invoices', 'stores', 'shipments', 'reviews', 'carts'] as const;
const FIELDS = ['all', 'summary', 'price,stock', 'id,name', 'links'] as const;
const AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Version/18.6 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  'okhttp/5.1.0',
] as const;
const WORDS = 'amber birch cedar delta ember fable grain haven inlet jolly karma lunar mango noble ocean pearl quiet river'.split(
  ' ',
);
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const session = ({ n, below, token }: Draw) => ({
  userId: 1_000_000 + n,
  csrf: token(43),
  accessToken: token(86),
  createdAt: new Date(1.76e12 + below(2e9)).toISOString(),
  ip: `10.${below(256)}.${below(256)}.${below(256)}`,
});

const sessionJson = (draw: Draw): string =>
  JSON.stringify({
    ...session(draw),
    roles: ['reader', 'buyer'],
    agent: draw.pick(AGENTS),
    cart: draw.below(9),
    locale: 'en-GB',
  });

function sessionHash(draw: Draw): Command[] {
  const fields = Object.entries({ ...session(draw), agent: draw.pick(AGENTS), roles: 'reader,buyer' }).flat();
  return [['HSET', `session:${draw.token(32)}`, ...fields]];
}

function responseJson({ n, below, pick, token }: Draw): string {
  const items = Array.from({ length: 1 + below(6) }, (_, at) => ({
    id: n * 10 + at,
    name: `${pick(WORDS)} ${pick(WORDS)} ${pick(WORDS)}`,
    price: below(100_000) / 100,
    stock: below(500),
    sku: token(12),
  }));
  return JSON.stringify({ data: items, etag: token(27), page: below(40), total: below(10_000) });
}

function permissionSet({ n, below, pick }: Draw): Command[] {
  const members = Array.from({ length: 4 + below(8) }, () => `${pick(RESOURCES)}:${pick(['read', 'write', 'delete'])}`);
  return [['SADD', `perm:user:${n}`, ...members]];
}

/** Seconds to live by the first part of the key. */
const TTL_SECONDS: Record<string, number> = { session: 86_400, cache: 3600, ratelimit: 3600, flag: 60, perm: 300 };

/**
 * Commands that make so many keys, in the shapes of the data classes: about 310 bytes of RDB a key.
 * @param nowMs - times to live count from here, milliseconds since 1970
 */
export function* benchCommands(keys: number, nowMs: number): Generator<Command> {
  const { below, pick } = randomFrom(1);
  const words = Array.from({ length: 4096 }, () => Array.from({ length: 4 }, () => ALPHABET[below(64)]).join(''));
  const kinds = SHARES.flatMap(([share, make]) => Array.from({ length: share }, () => make));
  const draw: Draw = {
    n: 0,
    below,
    pick,
    token: (characters) => {
      let made = '';
      while (made.length < characters) made += words[below(4096)];
      return made.slice(0, characters);
    },
  };
  for (draw.n = 0; draw.n < keys; draw.n++) {
    for (const command of kinds[(draw.n * 37) % 100]?.(draw) ?? []) {
      yield command;
      const ttl = TTL_SECONDS[String(command[1]).split(':')[0] ?? ''];
      if (ttl !== undefined) yield ['PEXPIREAT', command[1] as string, nowMs + (1 + below(ttl)) * 1000];
    }
  }
}
