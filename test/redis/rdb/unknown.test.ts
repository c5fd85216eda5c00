import assert from 'node:assert/strict';
import { byte, database, expiring, key, length, moduleId, rdb, text, zeros } from '../../support/rdb-bytes.ts';
import { readRdb } from '../../support/read-rdb.ts';

describe('what an RDB has that this software does not know', () => {
  const known = [database(0), key(0, 'session:1', text('v')), expiring(1, key(0, 'cache:1', text('v')))];
  const cases: [what: string, header: string, record: Buffer, why: RegExp, keys?: number][] = [
    ['a type', 'REDIS0012', key(99, 'k', text('v')), /^type or opcode 99 at byte 44 is not known in REDIS RDB version 12$/],
    ['an opcode', 'REDIS0012', byte(200, 1, 2, 3), /^type or opcode 200 at byte 44 is not known/],
    [
      'a type that the other fork means otherwise',
      'VALKEY081',
      key(23, 'k', text('v')),
      /^type or opcode 23 at byte 44 is not known in VALKEY RDB version 81$/,
    ],
    [
      'a type of a later version',
      'REDIS0009',
      key(18, 'k', length(0)),
      /^type or opcode 18 at byte 44 is not known in REDIS RDB version 9$/,
    ],
    [
      'a module value of another kind',
      'REDIS0012',
      key(7, 'k', moduleId('ReJSON-RL'), length(9)),
      /^tag 9 in the value of a module at byte 56/,
      3,
    ],
    [
      'a structure in a version known from descriptions',
      'REDIS0014',
      key(28, 'k', length(1), length(5)),
      /flag 5 at byte 49, or REDIS RDB version 14/,
      3,
    ],
  ];
  for (const [what, header, record, why, keys = 2] of cases) {
    it(`${what} is no error: the bytes are checked, and it says why the counts end there`, () => {
      const { facts, census } = readRdb(rdb(header, [...known, record, byte(1, 2, 3, 4, 5)]), { sizes: [7] });
      assert.equal(facts.parsed, false);
      assert.match(facts.unparsed ?? '', why);
      assert.deepEqual([facts.crc64, facts.keys, facts.expires, census.keys], ['valid', keys, 1, keys]);
    });
  }

  for (const [header, why] of [
    ['REDIS0016', /^RDB version 16 is newer than 15, the newest known of REDIS/],
    ['VALKEY082', /^RDB version 82 is newer than 81, the newest known of VALKEY/],
    ['VALKEY012', /^VALKEY has no RDB version 12 that is known/],
  ] as const) {
    it(`a version (${header}) is no error either`, () => {
      const { facts } = readRdb(rdb(header, known));
      assert.match(facts.unparsed ?? '', why);
      assert.deepEqual([facts.parsed, facts.crc64, facts.keys], [false, 'valid', 0]);
    });
  }

  it('a damaged one is still refused, by its checksum', () => {
    const bytes = rdb('REDIS0099', known);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    assert.throws(() => readRdb(bytes), { code: 'RDB_CHECKSUM_MISMATCH' });
  });

  it('one that is cut short is still refused, also without a checksum', () => {
    const bytes = rdb('REDIS0099', [...known, text(zeros(50))], 0n);
    assert.equal(readRdb(bytes).facts.crc64, 'unchecked');
    assert.throws(() => readRdb(bytes.subarray(0, -12)), { code: 'RDB_MALFORMED', message: /without an end mark/ });
  });

  it('is also suspected where a newer version counts or ends otherwise than expected, if the checksum is right', () => {
    const fewer = readRdb(rdb('REDIS0014', [database(0, 9), ...known])).facts;
    assert.match(fewer.unparsed ?? '', /^database 0 announces 9 keys and has 2, or REDIS RDB version 14 is not understood$/);
    const longer = readRdb(rdb('VALKEY080', [...known, key(0, 'k', length(60))])).facts;
    assert.match(longer.unparsed ?? '', /^it ends at byte \d+, before byte 108, where its last piece would end, or VALKEY RDB/);
    assert.deepEqual([fewer.parsed, fewer.crc64, longer.parsed, longer.crc64], [false, 'valid', false, 'valid']);
  });
});
