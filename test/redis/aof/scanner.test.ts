import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AofScanner } from '../../../redis/aof/scanner.ts';

const command = (...words: (string | Buffer)[]): Buffer =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.flatMap((word) => [Buffer.from(`$${Buffer.byteLength(word)}\r\n`), Buffer.from(word), Buffer.from('\r\n')]),
  ]);

function scan(bytes: Buffer, chunkBytes = bytes.length || 1): AofScanner {
  const scanner = new AofScanner(0);
  for (let at = 0; at < bytes.length; at += chunkBytes) scanner.feed(bytes.subarray(at, at + chunkBytes));
  return scanner;
}

/** A piece that ends at a boundary, as Redis appends it. */
const word = fc.oneof(fc.constantFrom('SET', 'EXEC', 'MULTI', 'key'), fc.string({ maxLength: 12 }));
const plain = fc
  .array(word, { minLength: 1, maxLength: 4 })
  .map((words) => command(/^(multi|exec)$/i.test(words[0] ?? '') ? 'SET' : (words[0] ?? ''), ...words.slice(1)));
const transaction = fc
  .array(plain, { maxLength: 3 })
  .map((inner) => Buffer.concat([command('MULTI'), ...inner, command('exec')]));
const stamp = fc.nat().map((seconds) => Buffer.from(`#TS:${seconds}\r\n`));
const piece = fc.oneof({ weight: 3, arbitrary: plain }, transaction, stamp);

describe('the boundary of a log', () => {
  it('is the end of the last whole piece, wherever the log and its chunks are cut', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.nat(), fc.integer({ min: 1, max: 9 }), (pieces, cut, chunkBytes) => {
        const ends = [0];
        for (const { length } of pieces) ends.push((ends.at(-1) ?? 0) + length);
        const all = Buffer.concat(pieces);
        const bytes = all.subarray(0, cut % (all.length + 1));
        const scanner = scan(bytes, chunkBytes);
        assert.equal(scanner.broken, undefined);
        assert.equal(scanner.boundary, Math.max(...ends.filter((end) => end <= bytes.length)));
        assert.equal(scanner.offset, bytes.length);
      }),
      { numRuns: Number(process.env.CASES ?? 500) },
    );
  });

  it('counts from where the RDB in front of the log ends', () => {
    const scanner = new AofScanner(1000);
    scanner.feed(command('PING'));
    assert.equal(scanner.boundary, 1000 + command('PING').length);
  });

  const ping = '*1\r\n$4\r\nPING\r\n';
  const broken: [string, string, string, number][] = [
    ['a command that begins with something else', 'SET a b\r\n', 'a command does not begin with *', 0],
    ['a number that is none', `${ping}*x\r\n`, 'a number is expected and is not there', 15],
    ['an empty number', '*\r\n', 'a number is expected and is not there', 1],
    ['a negative number', '*1\r\n$-1\r\n', 'a number is expected and is not there', 5],
    ['no arguments', '*0\r\n', 'a command has no arguments', 3],
    ['an argument that is no string', '*1\r\n:4\r\n', 'an argument does not begin with $', 4],
    ['a length that is too small', '*1\r\n$3\r\nPING\r\n', 'an argument is longer or shorter than it says', 12],
    ['a length that is too large', `*1\r\n$5\r\nPING\r\n${ping}`, 'an argument is longer or shorter than it says', 14],
    ['a line that ends with LF only', '*1\n', 'a number is expected and is not there', 2],
  ];
  for (const [what, text, why, near] of broken) {
    it(`is not looked for behind ${what}`, () => {
      for (const chunkBytes of [1, text.length]) {
        const scanner = scan(Buffer.from(text), chunkBytes);
        assert.equal(scanner.broken, why);
        assert.ok(Math.abs(scanner.offset - 1 - near) <= 2, `${scanner.offset}`);
        assert.equal(scanner.boundary, text.startsWith(ping) ? ping.length : 0);
      }
    });
  }
});
