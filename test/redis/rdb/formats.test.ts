import assert from 'node:assert/strict';
import { rdbVersionOf } from '../../../redis/rdb/format.ts';
import { aux, byte, database, key, length, long, milliseconds, moduleId, rdb, text, zeros } from '../../support/rdb-bytes.ts';
import { readRdb } from '../../support/read-rdb.ts';

const blob = text('whatever stands in a ziplist or listpack');
const id = zeros(16);
const emptyGroups = length(0);
const entries = [length(1), text(id), blob, length(3), length(5), length(0)];
const pending = [length(1), id, milliseconds(1), length(2)];
const consumer = (times: number) => [
  length(1),
  text('alice'),
  ...Array.from({ length: times }, () => milliseconds(1)),
  length(1),
  id,
];
const group = (times: number) => [
  length(1),
  text('group'),
  long(2n ** 63n),
  length(0),
  length(9),
  ...pending,
  ...consumer(times),
];
const fiveIds = [1, 2, 3, 4, 5].map(length);
const producers = [
  length(100),
  length(10),
  length(1),
  text('producer'),
  length(1),
  text('iid'),
  length(5),
  length(0),
  length(1),
  length(0),
];

/** What no server here writes: types of the past, of the newest releases, of modules, and of the other fork. */
const TYPES: [what: string, header: string, record: Buffer][] = [
  ['a list of Redis 2', 'REDIS0006', key(1, 'k', length(2), text('a'), byte(0xc0, 5))],
  [
    'a sorted set with scores as text',
    'REDIS0006',
    key(3, 'k', length(3), text('a'), byte(253), text('b'), byte(3), Buffer.from('1.5'), text('c'), byte(255)),
  ],
  ['a zipmap', 'REDIS0006', key(9, 'k', blob)],
  ['a ziplist', 'REDIS0009', key(10, 'k', blob)],
  ['a quicklist of ziplists', 'REDIS0009', key(14, 'k', length(2), blob, blob)],
  [
    'a stream of Redis 5',
    'REDIS0009',
    key(15, 'k', ...entries, length(1), text('g'), length(1), length(1), ...pending, ...consumer(1)),
  ],
  ['a stream of Redis 7.0', 'REDIS0010', key(19, 'k', ...entries, ...fiveIds, ...group(1))],
  ['a stream of Redis 7.2', 'REDIS0011', key(21, 'k', ...entries, ...fiveIds, ...group(2))],
  ['a stream of Redis 8.6', 'REDIS0013', key(26, 'k', ...entries, ...fiveIds, ...group(2), ...producers)],
  ['a stream of Redis 8.8', 'REDIS0014', key(27, 'k', ...entries, ...fiveIds, ...group(2), length(1), id, ...producers)],
  ['an empty stream', 'REDIS0011', key(21, 'k', length(0), length(0), length(5), length(0), ...fiveIds, emptyGroups)],
  ['a hash with field TTLs, 7.4 RC', 'REDIS0012', key(22, 'k', length(1), long(8_000_000_000_000n), text('f'), text('v'))],
  ['the same as listpack', 'REDIS0012', key(23, 'k', blob)],
  [
    'a hash with field TTLs',
    'REDIS0012',
    key(24, 'k', milliseconds(8e12), length(2), length(0), text('f'), text('v'), length(1), text('g'), text('w')),
  ],
  ['the same as listpack, 7.4', 'REDIS0012', key(25, 'k', milliseconds(8e12), blob)],
  [
    'an array of Redis 8.8',
    'REDIS0014',
    key(
      28,
      'k',
      length(4),
      length(1),
      length(7),
      length(0),
      length(0),
      text('a'),
      length(1),
      length(1),
      zeros(8),
      length(2),
      length(2),
      zeros(8),
      length(9),
      length(3),
      text('b'),
    ),
  ],
  ['an array without a cursor', 'REDIS0014', key(28, 'k', length(1), length(0), length(0), length(3), text('a'))],
  [
    'a hash of a template',
    'REDIS0015',
    Buffer.concat([byte(242), length(3), length(2), text('f'), text('g'), key(32, 'k', length(3), text('v'), text('w'))]),
  ],
  ['the same as listpack, 8.10', 'REDIS0015', key(30, 'k', blob)],
  ['a hash with field TTLs of Valkey 9', 'VALKEY080', key(22, 'k', length(1), text('f'), text('v'), milliseconds(-1))],
  [
    'slots that Valkey imports',
    'VALKEY080',
    Buffer.concat([byte(243), text('job'), length(1), length(0), length(100), key(0, 'k', text('v'))]),
  ],
  ['slots of a Redis Cluster', 'REDIS0012', Buffer.concat([byte(244), length(7), length(1), length(0), key(0, 'k', text('v'))])],
  ['a key with idle time', 'REDIS0009', Buffer.concat([byte(248), length(70_000), key(0, 'k', text('v'))])],
  ['a key with access frequency', 'REDIS0009', Buffer.concat([byte(249), byte(255), key(0, 'k', text('v'))])],
  ['an expiry in seconds', 'REDIS0006', Buffer.concat([byte(253), byte(0, 0, 0, 0x60), key(0, 'k', text('v'))])],
];

const after = key(0, 'the key after it', text('v'));

describe('what stands in RDBs of all versions', () => {
  for (const [what, header, record] of TYPES) {
    it(`reads over ${what} (${header})`, () => {
      const bytes = rdb(header, [database(0, 2), record, after]);
      const { facts } = readRdb(bytes);
      assert.deepEqual([facts.parsed, facts.unparsed, facts.keys, facts.crc64], [true, undefined, 2, 'valid']);
      assert.deepEqual(readRdb(bytes, { sizes: [1] }).facts, facts, 'byte by byte');
    });
  }

  it('names the modules that a server must have to load it', () => {
    const value = [
      length(2),
      length(7),
      length(1),
      long(2n ** 60n),
      length(3),
      zeros(4),
      length(4),
      zeros(8),
      length(5),
      text('x'),
      length(0),
    ];
    const records = [
      Buffer.concat([byte(247), moduleId('scdtype00', 2), length(2), length(1), ...value]),
      key(7, 'doc:1', moduleId('ReJSON-RL', 3), ...value),
      key(7, 'doc:2', moduleId('ReJSON-RL', 3), ...value),
      key(7, 'vectors', moduleId('vectorset'), ...value),
      Buffer.concat([byte(243), length(1), byte(0x00, 0x00, 0x00, 0x04), ...value, after]),
    ];
    const { facts } = readRdb(rdb('REDIS0013', [database(0, 4), ...records]));
    assert.deepEqual(facts.moduleTypes, ['META-BAAA', 'ReJSON-RL', 'scdtype00', 'vectorset']);
    assert.equal(facts.keys, 4);
  });

  it('says where the backup comes from', () => {
    const fields = [
      aux('valkey-ver', '8.1.1'),
      aux('used-mem', '1024'),
      aux('repl-id', 'a'.repeat(40)),
      aux('repl-offset', '77'),
    ];
    const { facts, aux: said } = readRdb(rdb('REDIS0011', [...fields, aux('lua', 'x'.repeat(100_000)), aux('mvcc-tstamp', '5')]));
    assert.deepEqual(said, { 'valkey-ver': '8.1.1', 'used-mem': '1024', 'repl-id': 'a'.repeat(40), 'repl-offset': '77' });
    assert.deepEqual([facts.usedMemoryBytes, facts.replid, facts.replOffset], [1024, 'a'.repeat(40), 77]);
  });

  it('tells version and fork from the first nine bytes', () => {
    assert.deepEqual(rdbVersionOf(Buffer.from('REDIS0012…')), { magic: 'REDIS', version: 12 });
    assert.deepEqual(rdbVersionOf(Buffer.from('VALKEY080…')), { magic: 'VALKEY', version: 80 });
    for (const other of ['REDIS', 'REDIS12..', 'VALKEY80', 'PK\u0003\u0004', ''])
      assert.equal(rdbVersionOf(Buffer.from(other)), undefined);
  });
});
