import assert from 'node:assert/strict';
import { STREAM_BEGIN } from '../../../model/archive/stream-state.ts';
import { byWeight, MomentFinder, type Suspect } from '../../../redis/log/moments.ts';
import { FILE_BEGIN } from '../../../redis/log/needs.ts';
import { streamOf } from '../support/log-bytes.ts';

const command = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`;

/** Pieces of a log, each with the time that it came at. */
type Piece = [atMs: number, text: string];

async function found(pieces: Piece[], keys = 10, from = 0): Promise<Suspect[]> {
  const finder = new MomentFinder({ keys });
  let atMs = 0;
  const to = pieces.reduce((sum, [, text]) => sum + text.length, 0);
  async function* body() {
    for (const [at, text] of pieces) {
      atMs = at;
      yield Buffer.from(text, 'latin1');
    }
  }
  const range = { timelineId: 't', start: 0, startState: STREAM_BEGIN, from, to, atMs: () => atMs };
  const passed: Buffer[] = [];
  for await (const piece of finder.watch(body(), range)) passed.push(piece);
  assert.equal(Buffer.concat(passed).toString('latin1'), pieces.map(([, text]) => text).join(''));
  return finder.suspects();
}

const SELECT = command('SELECT', '0');
const many = (of: (index: number) => string[]): string =>
  Array.from({ length: 10 }, (_, index) => command(...of(index))).join('');

describe('Places of a log where much may have gone at once', () => {
  it('are FLUSHALL, FLUSHDB and SWAPDB, each from the boundary before it to the one behind', async () => {
    const set = command('SET', 'a', '1');
    const suspects = await found([[5, SELECT + set + command('FLUSHALL') + set + command('SWAPDB', '0', '1')]]);
    assert.deepEqual(
      suspects.map(({ command: name, before, fromCommand, toCommand }) => [name, before, fromCommand, toCommand]),
      [
        ['FLUSHALL', SELECT.length + set.length, 1, 2],
        ['SWAPDB', SELECT.length + 2 * set.length + command('FLUSHALL').length, 3, 4],
      ],
    );
  });

  it('are found in a log without times, too: what lies close together in it', async () => {
    const untimed = async (text: string): Promise<Suspect[]> => {
      const finder = new MomentFinder({ keys: 10 });
      const bytes = Buffer.from(text);
      const range = { timelineId: '', start: 0, startState: FILE_BEGIN, from: 0, to: bytes.length };
      for await (const _ of finder.watch(streamOf(bytes, 1000), range));
      return finder.suspects();
    };
    const dels = many((i) => ['DEL', `k${i}`]);
    const far = many((i) => ['SET', `k${i}`, 'v'.repeat(4_000)]);
    const scattered = Array.from({ length: 10 }, (_, i) => far + command('DEL', `k${i}`)).join('');
    const past = many((i) => ['SET', `k${i}`, 'v', 'PXAT', '1000']); // whether that was over when it was written, nobody knows
    const names = (suspects: Suspect[]) => suspects.map(({ command: name, before }) => [name, before]);
    assert.deepEqual(names(await untimed(far + dels + command('FLUSHALL'))), [
      ['mass delete', far.length],
      ['FLUSHALL', far.length + dels.length],
    ]);
    assert.deepEqual(names(await untimed(scattered + past)), []);
  });

  it('are as long as the transaction that they stand in', async () => {
    const text = command('MULTI') + command('FLUSHDB') + command('SET', 'a', '1') + command('EXEC');
    const [suspect, ...more] = await found([[5, SELECT + text]]);
    assert.deepEqual([suspect?.before, suspect?.fromCommand, suspect?.toCommand, more.length], [SELECT.length, 0, 4, 0]);
  });

  it('are many deletes, renames or moves within a second, from the first of them on', async () => {
    for (const [name, of] of [
      ['mass delete', (index: number) => ['UNLINK', `${index}`]],
      ['mass rename', (index: number) => ['RENAME', `${index}`, `x${index}`]],
      ['mass move', (index: number) => ['MOVE', `${index}`, '1']],
      ['mass delete', (index: number) => ['GETDEL', `${index}`]],
      ['mass emptying', (index: number) => ['SORT', 'nothing', 'STORE', `${index}`]],
      ['mass emptying', (index: number) => ['SINTERSTORE', `${index}`, 'a', 'nothing']],
      ['mass emptying', (index: number) => ['ZINTERSTORE', `${index}`, '2', 'a', 'nothing']],
      ['mass emptying', (index: number) => ['HDEL', `${index}`, 'a', 'b']],
      ['mass emptying', (index: number) => ['SREM', `${index}`, 'a']],
      ['mass emptying', (index: number) => ['LPOP', `${index}`]],
      ['mass emptying', (index: number) => ['ZREM', `${index}`, 'a']],
    ] as const) {
      const [suspect, ...more] = await found([[5, SELECT + many(of as (index: number) => string[])]]);
      assert.deepEqual(
        [suspect?.command, suspect?.keys, suspect?.before, suspect?.fromCommand, suspect?.toCommand, more.length],
        [name, 10, SELECT.length, 0, 10, 0],
      );
    }
    assert.equal((await found([[5, SELECT + command('DEL', ...'abcdefghij')]])).length, 1);
  });

  it('weigh less where queues are emptied: those are counted last', async () => {
    const queue = Array.from({ length: 1_000 }, (_, index) => command('LPOP', `${index}`)).join('');
    const suspects = await found([[5, SELECT + queue + many((index) => ['DEL', `${index}`])]]);
    assert.deepEqual(
      suspects.toSorted(byWeight).map(({ command: name }) => name),
      ['mass delete', 'mass emptying'],
    );
  });

  it('are not as many deletes over a longer time', async () => {
    const pieces = Array.from({ length: 10 }, (_, index): Piece => [index * 500, SELECT + command('DEL', `${index}`)]);
    assert.deepEqual(await found(pieces), []);
  });

  it('are many times to live that end soon, and not those that are renewed all day', async () => {
    const ends = (inMs: number): Piece[] => [[5_000, SELECT + many((index) => ['PEXPIREAT', `${index}`, `${5_000 + inMs}`])]];
    assert.equal((await found(ends(1_000)))[0]?.command, 'mass expire');
    assert.deepEqual(await found(ends(1_800_000)), []);
  });

  it('are many values that are written over with one that ends soon, and not those that last', async () => {
    const written = (inMs: number) => [
      (index: number) => ['SET', `${index}`, 'v', 'PXAT', `${5_000 + inMs}`],
      (index: number) => ['SET', `${index}`, 'PX', 'XX', 'px', `${inMs}`],
      (index: number) => ['SET', `${index}`, 'v', 'EX', `${inMs / 1000}`],
      (index: number) => ['SETEX', `${index}`, `${inMs / 1000}`, 'v'],
      (index: number) => ['PSETEX', `${index}`, `${inMs}`, 'v'],
      (index: number) => ['RESTORE', `${index}`, `${inMs}`, 'v', 'REPLACE'],
      (index: number) => ['RESTORE', `${index}`, `${5_000 + inMs}`, 'v', 'REPLACE', 'ABSTTL'],
    ];
    for (const of of written(1_000)) {
      const suspects = await found([[5_000, SELECT + many(of)]]);
      assert.deepEqual(
        suspects.map((one) => [one.command, one.keys]),
        [['mass write with a short expiry', 10]],
        `${of(0)}`,
      );
    }
    for (const of of written(1_800_000)) assert.deepEqual(await found([[5_000, SELECT + many(of)]]), [], `${of(0)}`);
    for (const of of [
      (index: number) => ['SET', `${index}`, ''],
      (index: number) => ['SET', `${index}`, 'v', 'KEEPTTL'],
      (index: number) => ['SET', `${index}`, 'PX', 'XX'],
      (index: number) => ['RESTORE', `${index}`, '0', 'v', 'REPLACE'],
    ])
      assert.deepEqual(await found([[5_000, SELECT + many(of)]]), [], `${of(0)}`);
  });

  it('weigh more of equals when they are newer', async () => {
    const suspects = await found([[5, SELECT + command('FLUSHALL') + command('FLUSHDB')]]);
    assert.deepEqual(
      suspects.toSorted(byWeight).map(({ command: name }) => name),
      ['FLUSHDB', 'FLUSHALL'],
    );
  });

  it('are not those before the base', async () => {
    const flush = command('FLUSHALL');
    const [suspect, ...more] = await found([[5, SELECT + flush + flush]], 10, SELECT.length + flush.length);
    assert.deepEqual([suspect?.fromCommand, suspect?.toCommand, more.length], [0, 1, 0]);
  });
});
