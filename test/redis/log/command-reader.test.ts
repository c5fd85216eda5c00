import assert from 'node:assert/strict';
import fc from 'fast-check';
import { STREAM_BEGIN, type StreamState } from '../../../model/archive/stream-state.ts';
import { CommandReader } from '../../../redis/log/command-reader.ts';
import type { LoggedCommand } from '../../../redis/log/logged-command.ts';
import { command, log, piecesOf } from '../support/log-bytes.ts';

type Seen = Omit<LoggedCommand, 'nameEnd'>;

/** Reads on, and says what went by. */
function read(pieces: Iterable<Buffer>, state: StreamState = STREAM_BEGIN, offset = 0) {
  const commands: Seen[] = [];
  const named: string[] = [];
  const reader = new CommandReader(state, {
    offset,
    renamed: { hidden1: 'FLUSHALL', choose: 'select' },
    onName: ({ name, start }) => named.push(`${name} ${start}`),
    onCommand: ({ nameEnd: _, ...seen }) => commands.push(seen),
  });
  const boundaries: number[] = [];
  for (const piece of pieces) {
    const last = reader.read(piece);
    if (last >= 0) boundaries.push(reader.offset - piece.length + last);
  }
  return { commands, named, boundaries, state: reader.state(), reader };
}

const names = (bytes: Buffer) => read([bytes]).commands.map(({ name }) => name);

/** Every kind of thing that a log may have. */
const anyPart = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom('SET', 'del', 'Incr', 'MSET', 'hidden1'),
        fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 }),
      )
      .map(([name, args]) => command(name, ...args.map((arg) => Buffer.from(arg)))),
  },
  fc.nat(15).map((db) => command('SELECT', db)),
  fc.nat(15).map((db) => command('choose', db)),
  fc.constantFrom(command('MULTI'), command('EXEC'), command('DISCARD')),
  fc.constantFrom(command('XGROUP', 'CREATE', 'k', 'g', '$'), command('FUNCTION', 'load', '#!lua'), command('function')),
  fc.constantFrom('\n', '\r\n', '#TS:1700000000\r\n', 'PING\r\n', 'set  a b\r\n', 'select 3\n').map((text) => Buffer.from(text)),
);
const anyLog = fc.array(anyPart, { maxLength: 12 }).map((parts) => Buffer.concat(parts));
const numRuns = Number(process.env.CASES) || 300;

describe('a reader of the log', () => {
  it('names each command, where it stands, and the database it runs in', () => {
    const bytes = log(command('SELECT', 2), command('set', 'a', 'b'), command('XGROUP', 'create', 's', 'g', '$'));
    const { commands } = read([bytes], STREAM_BEGIN, 100);
    assert.deepEqual(
      commands.map(({ name, typed, argCount, start, end, db }) => [name, typed, argCount, start, end, db]),
      [
        ['SELECT', 'SELECT', 2, 100, 123, -1],
        ['SET', 'set', 3, 123, 150, 2],
        ['XGROUP CREATE', 'XGROUP', 5, 150, 199, 2],
      ],
    );
  });

  const DATABASES: [what: string, highest: number, ...args: (string | number)[]][] = [
    ['SELECT', 20, 'SELECT', 20],
    ['SWAPDB', 20, 'SWAPDB', 20, 3],
    ['MOVE', 20, 'move', 'key', 20],
    ['COPY', 20, 'COPY', 'from', 'to', 'REPLACE', 'db', 20],
    ['COPY within its database', -1, 'COPY', 'DB', '20', 'REPLACE'],
    ['a command that only looks like it', -1, 'SET', 'DB', 20],
    ['a database that is none', -1, 'MOVE', 'key', 'x'.repeat(100_000)],
  ];
  for (const [what, highest, ...args] of DATABASES) {
    it(`tells the highest database of ${what}, in whatever pieces it comes`, () => {
      const bytes = log(command('SET', 'a', 'b'), command(...args), command('SET', 'a', 'b'));
      for (const size of [1, 3, 1000, bytes.length]) {
        const found: number[] = [];
        const reader = new CommandReader(STREAM_BEGIN, { onCommand: ({ highestDb }) => found.push(highestDb) });
        for (const piece of piecesOf(bytes, size)) reader.read(piece);
        assert.deepEqual(found, [-1, highest, -1], `in pieces of ${size}`);
      }
    });
  }

  it('knows what a renamed command really is', () => {
    assert.deepEqual(names(log(command('HIDDEN1'), command('choose', 3), command('x'))), ['FLUSHALL', 'SELECT', 'X']);
    assert.equal(read([command('choose', 3)]).state.db, 3);
  });

  it('lets the stream be cut outside of commands and transactions only', () => {
    const parts = [command('MULTI'), command('SET', 'a', 'b'), command('EXEC'), Buffer.from('\n'), command('PING')];
    const ends = parts.map((_, index) => log(...parts.slice(0, index + 1)).length);
    const { boundaries } = read(piecesOf(log(...parts), 1));
    assert.deepEqual([...new Set(boundaries)], [0, ends[2], ends[3], ends[4]]);
    const { commands } = read([log(...parts)]);
    assert.deepEqual(
      commands.map((seen) => [seen.name, seen.boundary, seen.inTransaction, seen.isBoundary]),
      [
        ['MULTI', 0, false, false],
        ['SET', 0, true, false],
        ['EXEC', 0, true, true],
        ['PING', ends[3], false, true],
      ],
    );
  });

  it('says how much of a piece lies before its last boundary', () => {
    const whole = command('PING');
    const reader = new CommandReader();
    assert.equal(reader.read(log(whole, whole.subarray(0, 3))), whole.length);
    assert.deepEqual(reader.boundaryState(), { db: -1, inTransaction: false });
    assert.equal(reader.read(whole.subarray(3, 5)), -1);
    assert.equal(reader.read(whole.subarray(5)), whole.length - 5);
    assert.equal(reader.boundary, 2 * whole.length);
    assert.equal(reader.read(whole.subarray(0, 2)), 0);
  });

  it('reads the same however the stream is cut into pieces', () => {
    fc.assert(
      fc.property(anyLog, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }), (bytes, sizes) => {
        const whole = read([bytes]);
        const cut = read(piecesOf(bytes, ...sizes));
        assert.deepEqual([cut.commands, cut.named, cut.state], [whole.commands, whole.named, whole.state]);
      }),
      { numRuns },
    );
  });

  it('can be replaced at any byte by another one that begins with its state', () => {
    fc.assert(
      fc.property(anyLog, (bytes) => {
        const whole = read([bytes]);
        for (let at = 0; at <= bytes.length; at++) {
          const first = read([bytes.subarray(0, at)]);
          const second = read([bytes.subarray(at)], JSON.parse(JSON.stringify(first.state)) as StreamState, at);
          assert.deepEqual([...first.commands, ...second.commands], whole.commands, `cut at ${at}`);
          assert.deepEqual([...first.named, ...second.named], whole.named);
          assert.deepEqual(second.state, whole.state);
          assert.equal(second.reader.boundary, whole.reader.boundary);
        }
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    );
  });

  it('keeps nothing of a value in its state', () => {
    const { state } = read([command('SET', 'key', 'a secret').subarray(0, -4)]);
    assert.deepEqual(state.within?.args, ['SET']);
  });

  const broken: [what: string, bytes: Buffer | string, offset: number][] = [
    ['something else', '\u0000', 1000],
    ['the magic of an RDB', 'REDIS0011\u00fa\u0009redis-ver\n', 1000],
    ['an argument without its sign', '*1\r\nPING\r\n', 1004],
    ['a wrong length', '*1\r\n$3\r\nPING\r\n', 1011],
    ['a negative length', '*1\r\n$-1\r\n', 1004],
    ['no number of arguments', '*x\r\n', 1000],
    ['no arguments at all', '*0\r\n', 1000],
    ['more arguments than any command has', '*1048577\r\n', 1000],
    ['a value of more than 512 MB', '*1\r\n$536870913\r\n', 1004],
    ['a name of megabytes', '*1\r\n$1000000\r\n', 1000],
    ['a database that is no number', command('SELECT', 'x'), 1000],
    ['line feeds where Redis has both', '*1\n$4\nPING\n', 1000],
    ['a line that does not end', `PING ${'x'.repeat(70_000)}`, 1000],
  ];
  for (const [what, bytes, offset] of broken) {
    it(`refuses ${what}, and says at which offset`, () => {
      assert.throws(() => read([Buffer.from(bytes)], STREAM_BEGIN, 1000), {
        code: 'LOG_MALFORMED',
        message: new RegExp(`damaged at offset ${offset}:`),
      });
      assert.throws(() => read(piecesOf(Buffer.from(bytes), 1), STREAM_BEGIN, 1000), { code: 'LOG_MALFORMED' });
    });
  }
});
