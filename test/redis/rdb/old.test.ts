import assert from 'node:assert/strict';
import { emptyRdb } from '../../../redis/aof/source.ts';
import { findRdbEnd } from '../../../redis/rdb/find-end.ts';
import { shiftRdbExpiries } from '../../../redis/rdb/shift-expiries.ts';
import { byte, database, key, length, text } from '../../support/rdb-bytes.ts';
import { readRdb } from '../../support/read-rdb.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { streamOf } from '../support/log-bytes.ts';

/** Seconds: older RDBs have no others. */
const expiring = (atSeconds: number, record: Buffer): Buffer => {
  const seconds = Buffer.alloc(4);
  seconds.writeInt32LE(atSeconds);
  return Buffer.concat([byte(253), seconds, record]);
};
const IN_2033 = 2_000_000_000;
const zipmap = text(Buffer.concat([byte(1), byte(1), Buffer.from('f'), byte(1, 0), Buffer.from('v'), byte(255)]));
const intset = text(Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 7, 0]));
const RECORDS = [
  database(0),
  key(0, 'string', text('x')),
  expiring(IN_2033, key(0, 'ends', text('x'))),
  key(1, 'list', length(2), text('a'), text('b')),
  key(2, 'set', length(1), text('a')),
  key(3, 'zset', length(1), text('a'), byte(3), Buffer.from('1.5')),
  key(4, 'hash', length(1), text('f'), text('v')),
  database(5),
  key(9, 'zipmap', zipmap),
  key(11, 'intset', intset),
];

/** They have no trailer: the last byte is the end mark. */
const old = (version: number): Buffer => Buffer.concat([Buffer.from(`REDIS000${version}`), ...RECORDS, byte(255)]);

describe('An RDB of a Redis before 2.6', function () {
  this.timeout(30_000);

  for (const version of [1, 2, 3, 4]) {
    it(`of version ${version} is read whole, in whatever pieces it comes, and said to have no checksum`, () => {
      for (const sizes of [undefined, [1], [7]]) {
        const { facts } = readRdb(old(version), { ...(sizes ? { sizes } : {}) });
        assert.deepEqual(
          [facts.version, facts.parsed, facts.keys, facts.expires, facts.crc64],
          [version, true, 8, 1, 'unchecked'],
        );
        assert.deepEqual(
          facts.databases.map(({ db, keys }) => [db, keys]),
          [
            [0, 6],
            [5, 2],
          ],
        );
      }
    });
  }

  it('is refused where it is cut short, or has more behind its end', () => {
    for (const bytes of [old(3).subarray(0, -1), old(3).subarray(0, 40), Buffer.concat([old(3), byte(0)])])
      assert.throws(() => readRdb(bytes), { code: 'RDB_MALFORMED' });
  });

  it('ends where a log may follow it', async () => {
    const bytes = Buffer.concat([old(4), Buffer.from('*1\r\n')]);
    assert.equal(await findRdbEnd(streamOf(bytes, 5)), old(4).length);
    assert.equal(await findRdbEnd(streamOf(emptyRdb(), 5)), emptyRdb().length);
  });

  it('has its times to live moved without a checksum, for a clone of today', async () => {
    const out: Buffer[] = [];
    for await (const piece of shiftRdbExpiries(streamOf(old(2), 11), 5_000)) out.push(piece);
    const moved = Buffer.concat(out);
    assert.equal(moved.readInt32LE(moved.indexOf('ends') - 6), IN_2033 + 5);
    assert.equal(moved.length, old(2).length);
  });

  for (const { path, label } of redisBinaries()) {
    it(`is loaded by ${label} with as many keys as were read`, async () => {
      for (const version of [1, 4]) {
        await using redis = await startRedis({ binary: path, seed: { 'dump.rdb': old(version) } });
        assert.deepEqual([await redis.dbsize(), await redis.dbsize(5)], [6, 2]);
      }
    });
  }
});
