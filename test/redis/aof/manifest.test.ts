import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RecoveryError } from '../../../model/errors.ts';
import { type AofFile, formatAofManifest, parseAofManifest } from '../../../redis/aof/manifest.ts';
import { quoteWord, splitWords } from '../../../redis/aof/words.ts';

const BASE = 'file appendonly.aof.1.base.rdb seq 1 type b';
const INCR = 'file appendonly.aof.1.incr.aof seq 1 type i';

describe('the manifest of an append-only directory', () => {
  it('is read as Redis 7 writes it', () => {
    assert.deepEqual(parseAofManifest(`${BASE}\n${INCR}\n`), [
      { name: 'appendonly.aof.1.base.rdb', seq: 1, type: 'base' },
      { name: 'appendonly.aof.1.incr.aof', seq: 1, type: 'incr' },
    ]);
  });

  it('is read as Redis 8 writes it, with offsets', () => {
    const files = parseAofManifest(`${BASE}\n${INCR} startoffset 0\nfile a.2.incr.aof seq 2 type i startoffset 7 endoffset 99\n`);
    assert.deepEqual(files.slice(1), [
      { name: 'appendonly.aof.1.incr.aof', seq: 1, type: 'incr', startOffset: 0 },
      { name: 'a.2.incr.aof', seq: 2, type: 'incr', startOffset: 7, endOffset: 99 },
    ]);
  });

  it('keeps pairs of a later version, in any order, past comments', () => {
    const text = `# made by a later one\nseq 3 codec "lz 4" file a.3.incr.aof type i\n`;
    const files = parseAofManifest(text);
    assert.deepEqual(files, [{ name: 'a.3.incr.aof', seq: 3, type: 'incr', others: [['codec', 'lz 4']] }]);
    assert.equal(formatAofManifest(files), 'file a.3.incr.aof seq 3 type i codec "lz 4"\n');
  });

  const refused: [why: string, text: string][] = [
    ['it names no file', ''],
    ['line 1: it has 5 words', 'file a seq 1 type\n'],
    ['line 1: it has 4 words', 'file a seq 1\n'],
    ['line 1: its file is not a plain file name', 'file ../../etc/passwd seq 1 type b\n'],
    ['line 1: its file is not a plain file name', 'file .. seq 1 type b\n'],
    ['line 1: its type is "x"', 'file a seq 1 type x\n'],
    ['line 1: its seq is not a number', 'file a seq one type b\n'],
    ['line 1: its seq is not a positive number', 'file a seq 0 type b\n'],
    ['line 2: its quotes do not match', `${BASE}\nfile "a seq 1 type i\n`],
    ['it names two base files', `${BASE}\n${BASE}\n`],
    ['the seq of its incr files does not rise', `${INCR}\n${INCR}\n`],
  ];
  for (const [why, text] of refused) {
    it(`is refused because ${why}: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseAofManifest(text),
        (error: unknown) => error instanceof RecoveryError && error.code === 'MANIFEST_INVALID' && error.message.includes(why),
      );
    });
  }

  it('comes back from its own text, whatever the names', () => {
    const name = fc
      .string({ minLength: 1, unit: 'grapheme' })
      .filter((text) => !/[/\\\0]/.test(text) && text !== '.' && text !== '..');
    const file = fc.record<AofFile>(
      {
        name,
        seq: fc.integer({ min: 1 }),
        type: fc.constantFrom('history' as const),
        startOffset: fc.nat(),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(file, { minLength: 1 }), (files) => {
        assert.deepEqual(parseAofManifest(formatAofManifest(files)), files);
      }),
    );
  });

  it('splits quoted words as Redis does', () => {
    assert.deepEqual(splitWords(`  a "b c" 'it\\'s' "\\x41\\n\\"" "" `), ['a', 'b c', "it's", 'A\n"', '']);
    assert.equal(splitWords('"a"b'), undefined);
    assert.equal(quoteWord('é a'), '"\\xc3\\xa9 a"');
    assert.equal(quoteWord('plain-1.aof'), 'plain-1.aof');
  });
});
