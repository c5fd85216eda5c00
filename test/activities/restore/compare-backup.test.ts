import assert from 'node:assert/strict';
import { refuseUnlike } from '../../../activities/restore/compare-backup.ts';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import type { RecoveryError } from '../../../model/errors.ts';
import { createRdbReader, type RdbReading } from '../../../redis/rdb/reader.ts';
import { openRdbStream } from '../../../redis/replication/replica.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { bytesOf } from '../../redis/support/bytes-of.ts';
import { startRedis } from '../../support/redis-server.ts';

type Lie = [what: string, lie: (manifest: SnapshotManifest) => Partial<SnapshotManifest>, message: RegExp];

const LIES: Lie[] = [
  [
    'version',
    ({ rdb }) => ({ rdb: { ...rdb, version: rdb.version + 1 } }),
    /is an RDB REDIS of version \d+, its manifest says REDIS \d+/,
  ],
  ['size', ({ rdb }) => ({ rdb: { ...rdb, bytes: rdb.bytes + 1 } }), /has [\d,]+ bytes, its manifest says/],
  [
    'checksum',
    ({ rdb }) => ({ rdb: { ...rdb, crc64: 'unchecked' } }),
    /has a checksum that is valid, its manifest says unchecked/,
  ],
  ['keys', ({ rdb }) => ({ rdb: { ...rdb, keys: 31 } }), /holds 30 keys, its manifest says 31/],
  ['times to live', ({ rdb }) => ({ rdb: { ...rdb, expires: 9 } }), /holds 10 keys with a time to live, its manifest says 9/],
  [
    'databases',
    ({ rdb }) => ({ rdb: { ...rdb, databases: [{ db: 3, keys: 30, expires: 10 }] } }),
    /has db0 with 30 keys, .* says db3 with/,
  ],
  ['functions', ({ rdb }) => ({ rdb: { ...rdb, functions: 1 } }), /has 0 function libraries, its manifest says 1/],
  [
    'modules',
    ({ rdb }) => ({ rdb: { ...rdb, moduleTypes: ['ReJSON-RL'] } }),
    /has the module types none, its manifest says ReJSON-RL/,
  ],
  ['memory', ({ rdb }) => ({ rdb: { ...rdb, usedMemoryBytes: 7 } }), /took \d+ bytes of memory, its manifest says 7/],
  [
    'offset',
    ({ rdb }) => ({ rdb: { ...rdb, replOffset: 1 + (rdb.replOffset ?? 0) } }),
    /stands at offset \d+ of .*, its manifest says offset \d+ of/,
  ],
  ['replication id', ({ rdb }) => ({ rdb: { ...rdb, replid: 'f'.repeat(40) } }), /its manifest says offset \d+ of f{40}/],
  [
    'census',
    ({ census }) => ({
      census: { ...census, classes: census.classes.map((one) => ({ ...one, persistent: one.persistent + 1 })) },
    }),
    /has a census of 30 keys, 20 without/,
  ],
  [
    'time',
    ({ times }) => ({ times: { ...times, takenAt: '2020-01-01T00:00:00.000Z' } }),
    /was begun 20\d\d-.*, its manifest says 2020-01-01/,
  ],
];

describe('What a manifest says of its RDB', () => {
  let manifest: SnapshotManifest;
  let reading: RdbReading;
  before(async () => {
    await using redis = await startRedis();
    for (let i = 0; i < 20; i++) await redis.command('SET', `key:${i}`, 'x');
    for (let i = 0; i < 10; i++) await redis.command('SET', `session:${i}`, 'x', 'EX', '1000');
    const stream = await openRdbStream(redis.connection);
    const { replid, offset } = stream;
    const takenAtMs = Date.now();
    const reader = createRdbReader({ classes: [{ name: 'a', pattern: 'session:*' } as never], takenAtMs });
    reader.write(await bytesOf(stream));
    reading = reader.end();
    const times = { ...sampleManifest().times, takenAt: new Date(takenAtMs).toISOString(), clockOffsetMs: 0 };
    manifest = sampleManifest({ rdb: reading.facts, census: reading.census, times, replication: { replid, offset } });
  });

  it('is what the RDB says of itself: replication id and offset too', () => {
    refuseUnlike(manifest, reading);
    const { replid, offset } = manifest.replication;
    assert.deepEqual([reading.facts.replid, reading.facts.replOffset], [replid, offset]);
  });

  it('is compared whatever data classes are configured today', () => {
    const { census } = manifest;
    refuseUnlike(manifest, { ...reading, census: { ...census, classes: [...census.classes].reverse() } });
  });

  for (const [what, lie, message] of LIES) {
    it(`is refused with another ${what}`, () => {
      const lying = { ...manifest, ...lie(manifest) };
      assert.throws(
        () => refuseUnlike(lying, reading),
        (error: RecoveryError) => {
          assert.equal(error.code, 'BACKUP_CORRUPT');
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
