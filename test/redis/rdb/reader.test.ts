import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { DEFAULT_DATA_CLASSES } from '../../../model/data-class.ts';
import { createRdbReader, readRdbInPassing } from '../../../redis/rdb/reader.ts';
import { fillAllTypes, fillDataClasses } from '../../support/datasets.ts';
import { aux, database, expiring, key, rdb, text } from '../../support/rdb-bytes.ts';
import { readRdb } from '../../support/read-rdb.ts';
import { startRedis } from '../../support/redis-server.ts';

const NOW = 1_800_000_000_000;
const session = (n: number, ttlMs?: number): Buffer => {
  const record = key(0, `session:${n}`, text('x'));
  return ttlMs === undefined ? record : expiring(NOW + ttlMs, record);
};

describe('the census of an RDB', () => {
  const ttls = [1000, 1001, 60_000, 60_001, 604_800_000, 604_800_001, -1, 0, undefined];
  const bytes = rdb('REDIS0011', [
    aux('ctime', `${NOW / 1000}`),
    database(0),
    ...ttls.map((ttl, n) => session(n, ttl)),
    database(5),
    key(0, 'cache:1', text('x')),
    key(0, '42', text('a number as key')),
  ]);

  it('counts what each key has left when the snapshot was taken', () => {
    const { census } = readRdb(bytes);
    const [sessions, cache] = census.classes;
    assert.deepEqual([census.takenAtMs, census.keys], [NOW, 11]);
    assert.deepEqual([sessions?.keys, sessions?.persistent, sessions?.expired], [9, 1, 1]);
    assert.deepEqual(sessions?.ttl, [2, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    assert.deepEqual(
      [cache?.keys, census.classes.at(-1)],
      [1, { name: 'other', keys: 1, persistent: 1, expired: 0, ttl: new Array(20).fill(0) }],
    );
  });

  it('counts from the moment that the caller names, rather than from ctime', () => {
    const { census } = readRdb(bytes, { takenAtMs: NOW + 60_000 });
    assert.deepEqual([census.takenAtMs, census.classes[0]?.expired], [NOW + 60_000, 4]);
  });

  it('counts keys and TTLs of each database', () => {
    const { facts } = readRdb(bytes);
    assert.deepEqual(facts.databases, [
      { db: 0, keys: 9, expires: 8 },
      { db: 5, keys: 2, expires: 0 },
    ]);
    assert.deepEqual([facts.keys, facts.expires], [11, 8]);
  });

  it('has classes for numbers, prefixes and whole globs', () => {
    const patterns = { digits: '[0-9]*', tens: '*0', sessions: 'session:*' };
    const classes = Object.entries(patterns).map(([name, pattern]) => ({
      ...(DEFAULT_DATA_CLASSES[0] as (typeof DEFAULT_DATA_CLASSES)[0]),
      name,
      pattern,
    }));
    const { census } = readRdb(bytes, { classes });
    assert.deepEqual(
      census.classes.map(({ keys }) => keys),
      [1, 1, 8, 1],
    );
  });

  it('counts expiries by the second, class by class of each database, if asked', () => {
    const { expiries } = readRdb(bytes, { expiryTimeline: { fromMs: NOW, horizonSeconds: 3600 } });
    const ofNone = { fromMs: NOW, horizonSeconds: 3600, persistent: 1, expiredBefore: 0, later: 0, perSecond: [] };
    assert.deepEqual(expiries, [
      {
        ...{ db: 0, name: 'sessions' },
        timeline: {
          ...{ fromMs: NOW, horizonSeconds: 3600, persistent: 1, expiredBefore: 1, later: 2 },
          perSecond: [
            [0, 1],
            [1, 2],
            [60, 2],
          ],
        },
      },
      { db: 5, name: 'apiCache', timeline: ofNone },
      { db: 5, name: 'other', timeline: ofNone },
    ]);
    assert.equal(readRdb(bytes, { expiryTimeline: true }).expiries?.[0]?.timeline.fromMs, NOW);
    assert.equal(readRdb(bytes).expiries, undefined);
  });
});

describe('the RDB reader', () => {
  let everything: Buffer;
  before(async () => {
    await using redis = await startRedis();
    await fillAllTypes({ port: redis.port }, { server: redis.binary });
    await redis.command('SAVE');
    everything = readFileSync(join(redis.dir, 'dump.rdb'));
  });

  it('finds the same in a real RDB wherever the chunks end', () => {
    const whole = readRdb(everything);
    assert.equal(whole.facts.parsed, true);
    assert.deepEqual(readRdb(everything, { sizes: [1] }), whole);
    const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200_000 }));
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 20 }), (sizes) =>
        assert.deepEqual(readRdb(everything, { sizes }), whole),
      ),
    );
  });

  it('finds the same with patterns that need the end of each key', () => {
    const classes = [{ ...(DEFAULT_DATA_CLASSES[0] as (typeof DEFAULT_DATA_CLASSES)[0]), pattern: '*[0-9]' }];
    const whole = readRdb(everything, { classes });
    assert.ok((whole.census.classes[0]?.keys ?? 0) > 900);
    for (const sizes of [[1], [13], [4096, 1, 70_000]]) assert.deepEqual(readRdb(everything, { classes, sizes }), whole);
  });

  it('hands the bytes on unchanged, chunk by chunk', async () => {
    const chunks = [everything.subarray(0, 100_000), everything.subarray(100_000)];
    const reader = createRdbReader({ classes: DEFAULT_DATA_CLASSES, takenAtMs: 0 });
    const seen: Buffer[] = [];
    for await (const chunk of readRdbInPassing(streamOf(chunks), reader)) seen.push(chunk);
    assert.ok(seen[0] === chunks[0] && seen[1] === chunks[1] && seen.length === 2);
    assert.equal(reader.end(), reader.end(), 'the result can be had again');
    assert.equal(reader.end().facts.bytes, everything.length);
  });

  it('fails the stream at its end if the checksum is wrong', async () => {
    const wrong = Buffer.from(everything);
    wrong.writeUInt32LE(1, wrong.length - 8);
    const reader = createRdbReader({ classes: DEFAULT_DATA_CLASSES, takenAtMs: 0 });
    await assert.rejects(
      async () => {
        for await (const _ of readRdbInPassing(streamOf([wrong]), reader));
      },
      { code: 'RDB_CHECKSUM_MISMATCH' },
    );
  });

  it('counts every data class of a real data set', async () => {
    await using redis = await startRedis({ config: { rdbcompression: 'yes' } });
    await fillDataClasses({ port: redis.port }, { keys: 20_000, extraSeconds: 3600 });
    await redis.command('SAVE');
    const { census, facts } = readRdb(readFileSync(join(redis.dir, 'dump.rdb')), { sizes: [65_536] });
    const counts = Object.fromEntries(census.classes.map(({ name, keys }) => [name, keys]));
    assert.deepEqual(counts, {
      sessions: 10_000,
      apiCache: 5000,
      rateLimits: 3000,
      featureFlags: 200,
      permissions: 1600,
      other: 200,
    });
    assert.deepEqual([facts.keys, facts.expires, await redis.dbsize()], [20_000, 19_800, 20_000]);
  });
});

async function* streamOf(chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}
