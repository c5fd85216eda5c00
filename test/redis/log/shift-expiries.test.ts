import assert from 'node:assert/strict';
import { absoluteExpiries, shiftExpiries } from '../../../redis/log/shift-expiries.ts';
import { isAtLeast, type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { command, log, streamOf, type Words } from '../support/log-bytes.ts';
import { recordStream } from '../support/recorded-stream.ts';

const DAY_MS = 86_400_000;
const AT = 1_800_000_000_000;

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const out: Buffer[] = [];
  for await (const piece of stream) out.push(piece);
  return Buffer.concat(out).toString('latin1');
}

const shifted = (bytes: Buffer, deltaMs: number, ...sizes: number[]) => textOf(shiftExpiries(streamOf(bytes, ...sizes), deltaMs));

/** Commands with a moment, and what they are a day later. */
const CASES: [Words, Words][] = [
  [
    ['SET', 'k', 'v', 'PXAT', AT],
    ['SET', 'k', 'v', 'PXAT', AT + DAY_MS],
  ],
  [
    ['set', 'k', 'PXAT', 'get', 'pxat', AT],
    ['set', 'k', 'PXAT', 'get', 'pxat', AT + DAY_MS],
  ],
  [
    ['SET', 'k', 'v', 'EXAT', AT / 1000],
    ['SET', 'k', 'v', 'EXAT', (AT + DAY_MS) / 1000],
  ],
  [
    ['GETEX', 'k', 'PXAT', AT],
    ['GETEX', 'k', 'PXAT', AT + DAY_MS],
  ],
  [
    ['PEXPIREAT', 'k', AT, 'GT'],
    ['PEXPIREAT', 'k', AT + DAY_MS, 'GT'],
  ],
  [
    ['EXPIREAT', 'k', AT / 1000],
    ['EXPIREAT', 'k', (AT + DAY_MS) / 1000],
  ],
  [
    ['PEXPIREAT', 'k', 999_999_999_999],
    ['PEXPIREAT', 'k', 999_999_999_999 + DAY_MS],
  ],
  [
    ['HPEXPIREAT', 'k', AT, 'FIELDS', 1, `${AT}`],
    ['HPEXPIREAT', 'k', AT + DAY_MS, 'FIELDS', 1, `${AT}`],
  ],
  [
    ['HSETEX', 'k', 'FNX', 'PXAT', AT, 'FIELDS', 1, 'PXAT', 5],
    ['HSETEX', 'k', 'FNX', 'PXAT', AT + DAY_MS, 'FIELDS', 1, 'PXAT', 5],
  ],
  [
    ['RESTORE', 'k', AT, 'x'.repeat(500), 'ABSTTL'],
    ['RESTORE', 'k', AT + DAY_MS, 'x'.repeat(500), 'ABSTTL'],
  ],
  [
    ['MSETEX', 2, 'PXAT', 7, 'b', 'PXAT', 'PXAT', AT],
    ['MSETEX', 2, 'PXAT', 7, 'b', 'PXAT', 'PXAT', AT + DAY_MS],
  ],
];

/** What has no moment, whatever it looks like. */
const ALIKE: Words[] = [
  ['SET', 'PXAT', AT],
  ['SET', 'k', 'v', 'KEEPTTL'],
  ['RESTORE', 'k', 0, 'payload'],
  ['RPUSH', 'PXAT', AT, 'EXAT', 7],
  ['HSET', 'h', 'PXAT', AT],
  ['SET', 'k', 'x'.repeat(300)],
  ['MULTI'],
];

describe('the moments of expiry in a log', () => {
  const before = log(...CASES.map(([one]) => command(...one)), ...ALIKE.map((one) => command(...one)));
  const after = log(...CASES.map(([, one]) => command(...one)), ...ALIKE.map((one) => command(...one)));
  for (const sizes of [[1], [2, 3], [37], [100_000]]) {
    it(`are all moved, in pieces of ${sizes} bytes`, async () => {
      assert.equal(await shifted(before, DAY_MS, ...sizes), after.toString());
      assert.equal(await shifted(after, -DAY_MS, ...sizes), before.toString());
    });
  }

  it('never become nothing, which Redis would refuse', async () => {
    assert.equal(await shifted(command('SET', 'k', 'v', 'PXAT', 5), -10), command('SET', 'k', 'v', 'PXAT', 1).toString());
  });

  it('are left as they are where a log ends too soon', async () => {
    const cut = command('PEXPIREAT', 'k', AT).subarray(0, -3);
    assert.equal(await shifted(cut, DAY_MS, 3), cut.toString());
  });

  it('are made of the durations that Redis 6.2 propagates', async () => {
    const relative: Words[] = [
      ['SET', 'k', 'v', 'PX', 500],
      ['SET', 'k', 'EX', 'EX', 2],
      ['EXPIRE', 'k', 100],
      ['pexpire', 'k', 7],
      ['SET', 'EX', 5],
      ['PEXPIREAT', 'k', AT],
    ];
    const absolute: Words[] = [
      ['SET', 'k', 'v', 'PXAT', AT + 500],
      ['SET', 'k', 'EX', 'PXAT', AT + 2000],
      ['PEXPIREAT', 'k', AT + 100_000],
      ['PEXPIREAT', 'k', AT + 7],
      ['SET', 'EX', 5],
      ['PEXPIREAT', 'k', AT],
    ];
    const bytes = log(...relative.map((one) => command(...one)));
    for (const sizes of [[1], [9], [1000]]) {
      const text = await textOf(absoluteExpiries(streamOf(bytes, ...sizes), () => AT));
      assert.equal(text, log(...absolute.map((one) => command(...one))).toString());
    }
  });
});

const now = () => Math.floor(Date.now() / 1000);
/** Each way to give a key `k:…` or the fields of a hash `h:…` a time to live. */
const WAYS = (binary: RedisBinary): string[][] => [
  ['SET', 'k:1', 'v', 'EX', '7200'],
  ['SET', 'k:2', 'v', 'px', '7200000'],
  ['SET', 'k:3', 'v', 'PXAT', `${(now() + 7200) * 1000}`],
  ['SET', 'k:4', 'v', 'exat', `${now() + 7200}`],
  ['SETEX', 'k:5', '7200', 'v'],
  ['SET', 'k:6', 'v'],
  ['expire', 'k:6', '7200'],
  ['SET', 'k:7', 'v'],
  ['EXPIREAT', 'k:7', `${now() + 7200}`],
  ['SET', 'k:8', 'v'],
  ['GETEX', 'k:8', 'EX', '7200'],
  ['EVAL', "redis.call('RESTORE', 'k:9', ARGV[1], redis.call('DUMP', 'k:6'), 'ABSTTL')", '0', `${(now() + 7200) * 1000}`],
  ['SET', 'k:forever', 'v', 'EX', '10'],
  ['PERSIST', 'k:forever'],
  ...(isAtLeast(binary, 8)
    ? [
        ['HSET', 'h:1', 'a', '1', 'b', '2'],
        ['HEXPIRE', 'h:1', '7200', 'FIELDS', '2', 'a', 'b'],
        ['HSETEX', 'h:2', 'EX', '7200', 'FIELDS', '1', 'a', '3'],
        ['HGETEX', 'h:2', 'PX', '7200000', 'FIELDS', '1', 'a'],
      ]
    : []),
];

describe('a shifted log of a real server', () => {
  for (const binary of redisBinaries()) {
    it(`gives each key of ${binary.label} a day more`, async () => {
      await using source = await startRedis({ binary: binary.path });
      const recording = await recordStream(source.port);
      for (const args of WAYS(binary)) await source.command(...args);
      const info = String(await source.command('INFO', 'replication'));
      const bytes = await recording.until(Number(/master_repl_offset:(\d+)/.exec(info)?.[1]));
      recording.close();
      const absolute = absoluteExpiries(streamOf(bytes, 11), Date.now);
      const moved = Buffer.from(await textOf(shiftExpiries(absolute, DAY_MS)), 'latin1');
      const seed: Record<string, Buffer> = isAtLeast(binary, 7)
        ? {
            'appendonlydir/appendonly.aof.1.incr.aof': moved,
            'appendonlydir/appendonly.aof.manifest': Buffer.from('file appendonly.aof.1.incr.aof seq 1 type i\n'),
          }
        : { 'appendonly.aof': moved };
      await using target = await startRedis({ binary: binary.path, config: { appendonly: 'yes' }, seed });
      const keys = ((await target.command('KEYS', '*')) as string[]).sort();
      assert.deepEqual(keys, ((await source.command('KEYS', '*')) as string[]).sort());
      const left = async (key: string): Promise<number[]> => {
        const fields = key.startsWith('h:') ? ((await target.command('HKEYS', key)) as string[]) : [];
        if (fields.length === 0) return [Number(await target.command('PTTL', key))];
        return (await target.command('HPTTL', key, 'FIELDS', `${fields.length}`, ...fields)) as number[];
      };
      for (const key of keys) {
        for (const ms of await left(key)) {
          const wanted = key === 'k:forever' ? -1 : DAY_MS + 7_200_000;
          assert.ok(Math.abs(ms - wanted) < 10_000, `${key} has ${ms} ms`);
        }
      }
    });
  }
});
