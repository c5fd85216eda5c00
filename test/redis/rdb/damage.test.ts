import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RecoveryError } from '../../../model/errors.ts';
import { aux, byte, database, expiring, key, length, rdb, text, zeros } from '../../support/rdb-bytes.ts';
import { readRdb } from '../../support/read-rdb.ts';

const packed = (bytes: number, unpacked: number, content: Buffer) =>
  Buffer.concat([byte(0xc3), length(bytes), length(unpacked), content]);
/** Each kind of record once, so that every bit has a different meaning. */
const whole = rdb('REDIS0011', [
  aux('redis-ver', '7.2.0'),
  aux('ctime', '1700000000'),
  Buffer.concat([byte(245), text('#!lua name=x')]),
  database(0, 4),
  expiring(1_800_000_000_000, key(0, 'session:1', text('token'))),
  key(4, 'hash', length(2), text('a'), byte(0xc1, 1, 2), text('b'), packed(3, 20, byte(0, 65, 1))),
  key(16, 'cache:1', text(zeros(100))),
  key(18, 'list', length(1), length(2), text('x')),
  database(3, 1),
  key(11, 'set', text(zeros(8))),
]);

const codeOf = (bytes: Buffer): string => {
  try {
    readRdb(bytes);
  } catch (error) {
    if (error instanceof RecoveryError) return error.code;
    throw error;
  }
  return 'accepted';
};

describe('a damaged RDB', () => {
  it('is read when it is whole', () => {
    const { facts } = readRdb(whole);
    assert.deepEqual([facts.parsed, facts.crc64, facts.keys, facts.functions], [true, 'valid', 5, 1]);
  });

  it('is refused whichever bit is wrong', () => {
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.notEqual(codeOf(flipped), 'accepted', `bit ${bit & 7} of byte ${bit >> 3}`);
    }
  });

  it('is refused wherever it is cut', () => {
    for (let end = 0; end < whole.length; end++) assert.equal(codeOf(whole.subarray(0, end)), 'RDB_MALFORMED', `cut at ${end}`);
  });

  it('is refused when bytes stand for others', () => {
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 16 }), (at, bytes) => {
        const changed = Buffer.from(whole);
        changed.set(bytes.subarray(0, whole.length - at), at);
        if (!changed.equals(whole)) assert.notEqual(codeOf(changed), 'accepted');
      }),
      { numRuns: 500 },
    );
  });

  it('names the byte where it goes wrong, and what to do', () => {
    const broken = rdb('REDIS0011', [database(0), key(4, 'hash', byte(0xbf))]);
    assert.throws(
      () => readRdb(broken),
      (error: RecoveryError) => {
        assert.equal(error.code, 'RDB_MALFORMED');
        assert.equal(error.message, 'the RDB is damaged or cut short: length that begins with 191 at byte 17');
        assert.match(error.next, /^Take the backup again/);
        return true;
      },
    );
  });

  it('a wrong RESIZEDB is a hint and no damage, where the checksum is right; else nobody knows which is wrong', () => {
    const records = [database(0, 9), key(0, 'k', text('v'))];
    const { facts } = readRdb(rdb('REDIS0011', records));
    assert.deepEqual([facts.parsed, facts.keys, facts.crc64], [true, 1, 'valid']);
    const unchecked = readRdb(rdb('REDIS0011', records, 0n)).facts;
    assert.equal(unchecked.unparsed, 'database 0 announces 9 keys and has 1, and no checksum tells which of both is wrong');
  });

  const cases: [what: string, bytes: Buffer, code: string, message: RegExp][] = [
    ['an empty file', Buffer.alloc(0), 'RDB_MALFORMED', /0 bytes/],
    ['something else', Buffer.from('PK\u0003\u0004 a zip file'), 'RDB_FOREIGN', /"PK\.\. a zi"/],
    ['something else that is short', Buffer.from('<html>'), 'RDB_FOREIGN', /not an RDB/],
    ['an RDB of another maker', Buffer.from('REDIS-001 and more'), 'RDB_FOREIGN', /not an RDB/],
    ['nothing but half a header', Buffer.from('REDIS00'), 'RDB_MALFORMED', /byte 7, within its header/],
    [
      'bytes after the trailer',
      Buffer.concat([whole, byte(0)]),
      'RDB_MALFORMED',
      /more bytes, after the end of the RDB, at byte/,
    ],
    ['another checksum', rdb('REDIS0011', [], 5n), 'RDB_CHECKSUM_MISMATCH', /at byte 10 that its CRC64 is 0000000000000005/],
    [
      'a string longer than any',
      rdb('REDIS0011', [byte(0, 0x81), Buffer.alloc(8, 0xff)]),
      'RDB_MALFORMED',
      /string of \d+ bytes at byte/,
    ],
    ['a string of no known encoding', rdb('REDIS0011', [byte(0, 0xc4)]), 'RDB_MALFORMED', /string encoding 4 at byte 10/],
    [
      'a key that LZF cannot unpack',
      rdb('REDIS0011', [byte(0), packed(2, 20, byte(0x20, 0xff)), text('v')]),
      'RDB_MALFORMED',
      /damaged LZF string as a key at byte/,
    ],
  ];
  for (const [what, bytes, code, message] of cases) {
    it(`${what} is refused with a message of its own`, () => {
      for (const sizes of [undefined, [1], [5]]) {
        assert.throws(() => readRdb(bytes, sizes ? { sizes } : {}), { name: 'RecoveryError', code, message });
      }
    });
  }

  it('is accepted unchecked if the server wrote no checksum', () => {
    assert.equal(readRdb(rdb('REDIS0011', [database(0, 1), key(0, 'k', text('v'))], 0n)).facts.crc64, 'unchecked');
  });

  it('cannot make the reader keep more than it needs', () => {
    const huge = Buffer.concat([Buffer.from('REDIS0011'), byte(0, 0x80, 0x7f, 0xff, 0xff, 0xff)]);
    const before = process.memoryUsage().rss;
    assert.throws(() => readRdb(Buffer.concat([huge, zeros(50_000_000)]), { sizes: [65_536] }), { code: 'RDB_MALFORMED' });
    assert.ok(process.memoryUsage().rss - before < 200e6);
  });
});
