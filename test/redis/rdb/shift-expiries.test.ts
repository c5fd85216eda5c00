import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { shiftRdbExpiries } from '../../../redis/rdb/shift-expiries.ts';
import { fillAllTypes } from '../../support/datasets.ts';
import { byte, database, expiring, key, length, long, milliseconds, rdb, text, zeros } from '../../support/rdb-bytes.ts';
import { readRdb } from '../../support/read-rdb.ts';
import { isAtLeast, type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { streamOf } from '../support/log-bytes.ts';

const DAY_MS = 86_400_000;
const AT = 1_800_000_000_000;

async function shifted(bytes: Buffer, deltaMs: number, ...sizes: number[]): Promise<Buffer> {
  const out: Buffer[] = [];
  for await (const piece of shiftRdbExpiries(streamOf(bytes, ...sizes), deltaMs)) out.push(piece);
  return Buffer.concat(out);
}

function seconds(at: number, record: Buffer): Buffer {
  const bytes = Buffer.alloc(5, 253);
  bytes.writeInt32LE(at, 1);
  return Buffer.concat([bytes, record]);
}

/** What looks like an expiry, as a value. */
const alike = Buffer.concat([byte(252), Buffer.from(BigInt64Array.of(BigInt(AT)).buffer)]);
const withExpiries = (deltaMs: number, trailer?: bigint): Buffer =>
  rdb(
    'REDIS0011',
    [
      database(0, 5),
      expiring(AT + deltaMs, key(0, 'a', text(alike))),
      expiring(AT + 1 + deltaMs, key(0, 'b', text(zeros(100)))),
      key(0, 'forever', text(alike)),
      seconds((AT + deltaMs) / 1000, key(0, 'c', text(''))),
      expiring(AT + 5 + deltaMs, key(11, '', text(zeros(8)))),
    ],
    trailer,
  );

const hasFieldTtls = (binary: RedisBinary) => (binary.product === 'valkey' ? isAtLeast(binary, 9) : isAtLeast(binary, 7, 4));

/** A string whose length has five bytes. */
function packed(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5, 0x80);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Of four fields, with entries of every width; the first has no time to live. */
function fieldsListpack(atMs: number): Buffer {
  const entry = (...bytes: number[]) => [...bytes, bytes.length];
  const at = entry(0xf4, ...milliseconds(atMs));
  const entries = [
    [entry(0x81, 0x66), entry(0xc1, 2), entry(0)],
    [entry(0x81, 0x67), entry(0xf1, 1, 2), at],
    [entry(0xf2, 1, 2, 3), [0xe0, 200, ...zeros(200), 1, 202], at],
    [entry(0xf3, 1, 2, 3, 4), entry(0xf4, ...milliseconds(AT)), at],
  ].flat(2);
  const head = Buffer.alloc(6);
  head.writeUInt32LE(6 + entries.length + 1);
  head.writeUInt16LE(12, 4);
  return Buffer.concat([head, Buffer.from(entries), byte(255)]);
}

describe('an RDB whose expiries are moved', () => {
  it('differs in them and in its checksum only, whatever chunks it comes in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }), async (sizes) => {
        assert.deepEqual(await shifted(withExpiries(0), DAY_MS, ...sizes), withExpiries(DAY_MS));
        assert.deepEqual(await shifted(withExpiries(DAY_MS), -DAY_MS, ...sizes), withExpiries(0));
      }),
      { numRuns: Number(process.env.CASES) || 100 },
    );
  });

  it('stays without a checksum if the server wrote none', async () => {
    assert.deepEqual(await shifted(withExpiries(0, 0n), DAY_MS, 50), withExpiries(DAY_MS, 0n));
  });

  it('never has a key that expires before 1970', async () => {
    const one = (atMs: number) => rdb('REDIS0011', [database(0, 1), expiring(atMs, key(0, 'a', text('')))]);
    assert.deepEqual(await shifted(one(5000), -DAY_MS), one(1));
  });

  it('gets no right checksum when it was damaged', async () => {
    const bytes = withExpiries(0);
    const at = bytes.indexOf('forever');
    bytes[at] = 0x46;
    await assert.rejects(shifted(bytes, DAY_MS, 64), { code: 'RDB_CHECKSUM_MISMATCH' });
    await assert.rejects(shifted(withExpiries(0).subarray(0, -1), DAY_MS, 64), { code: 'RDB_MALFORMED' });
    await assert.rejects(shifted(Buffer.alloc(0), DAY_MS), { code: 'RDB_MALFORMED' });
    await assert.rejects(shifted(Buffer.from('something else'), DAY_MS), { code: 'RDB_FOREIGN' });
  });

  it('is refused when it has something that is not understood', async () => {
    await assert.rejects(shifted(rdb('REDIS0099', []), DAY_MS), { code: 'RESTORE_REFUSED', message: /version 99 is newer/ });
  });

  it('moves the times to live of hash fields in each form that an RDB has for them', async () => {
    const fields = (deltaMs: number) => [
      database(0, 4),
      key(24, 'h', milliseconds(AT + deltaMs), length(2), length(0), text('f'), text('v'), length(1), text('g'), text('w')),
      key(24, 'none', milliseconds(0), length(1), length(0), text('f'), text('v')),
      key(22, 'rc', length(2), long(BigInt(AT + deltaMs)), text('f'), text('v'), length(0), text('g'), text('w')),
      key(25, 'l', milliseconds(AT + deltaMs), packed(fieldsListpack(AT + deltaMs))),
      key(23, 'rc-l', packed(fieldsListpack(AT + deltaMs))),
    ];
    const valkey = (deltaMs: number) => [
      key(22, 'k', length(2), text('f'), text('v'), milliseconds(-1), text('g'), text('w'), milliseconds(AT + deltaMs)),
    ];
    for (const sizes of [[1_000_000], [1], [13, 64]]) {
      assert.deepEqual(await shifted(rdb('REDIS0012', fields(0)), DAY_MS, ...sizes), rdb('REDIS0012', fields(DAY_MS)));
      assert.deepEqual(await shifted(rdb('VALKEY080', valkey(0)), -DAY_MS, ...sizes), rdb('VALKEY080', valkey(-DAY_MS)));
    }
  });

  it('is refused when a listpack with times to live of fields is damaged', async () => {
    const listpack = fieldsListpack(AT);
    listpack[6] = 0xf7; // no encoding of an entry
    const bytes = rdb('REDIS0012', [database(0, 1), key(25, 'l', milliseconds(AT), text(listpack))]);
    await assert.rejects(shifted(bytes, DAY_MS), { code: 'RDB_MALFORMED', message: /listpack/ });
  });

  for (const binary of redisBinaries().filter((one) => hasFieldTtls(one))) {
    it(`gives each hash field of ${binary.label} a day more, and none that was alive is gone`, async () => {
      await using source = await startRedis({ binary: binary.path });
      const soon = Date.now() + 2_000;
      const of = (count: number) => Array.from({ length: count }, (_, n) => [`field-${n}`, 'the same again '.repeat(3)]).flat();
      for (const [name, count] of [
        ['few', 2],
        ['packed', 20],
        ['many', 700],
      ] as const) {
        await source.command('HSET', name, ...of(count));
        await source.command('HPEXPIREAT', name, `${soon}`, 'FIELDS', '1', 'field-0');
        await source.command('HPEXPIREAT', name, `${soon + 60_000}`, 'FIELDS', '1', 'field-1');
      }
      await source.command('SAVE');
      const bytes = readFileSync(join(source.dir, 'dump.rdb'));
      const moved = await shifted(bytes, DAY_MS, 100, 7);
      assert.equal(readRdb(moved).facts.crc64, 'valid');
      await until(() => Date.now() > soon, { what: 'what is not moved is dead' });
      await using target = await startRedis({ binary: binary.path, seed: { 'dump.rdb': moved } });
      for (const [name, count] of [
        ['few', 2],
        ['packed', 20],
        ['many', 700],
      ] as const) {
        assert.equal(await target.command('HLEN', name), count);
        const at = await target.command('HPEXPIRETIME', name, 'FIELDS', '2', 'field-0', 'field-1');
        assert.deepEqual(at, [soon + DAY_MS, soon + 60_000 + DAY_MS], name);
        const [one, other] = await Promise.all(
          [source, target].map((redis) => redis.command('HMGET', name, 'field-1', `field-${count - 1}`)),
        );
        assert.deepEqual(other, one, name);
      }
    });
  }

  for (const binary of redisBinaries()) {
    it(`gives each key of ${binary.label} a day more`, async () => {
      await using source = await startRedis({ binary: binary.path });
      await fillAllTypes({ port: source.port }, { keys: 300, server: binary });
      await source.command('SAVE');
      const bytes = readFileSync(join(source.dir, 'dump.rdb'));
      const moved = await shifted(bytes, DAY_MS, 65_536, 1, 7);
      assert.ok(moved.length >= bytes.length);
      const { facts } = readRdb(moved);
      assert.deepEqual([facts.crc64, facts.keys], ['valid', readRdb(bytes).facts.keys]);
      await using target = await startRedis({ binary: binary.path, seed: { 'dump.rdb': moved } });
      const keys = (await source.command('KEYS', '*')) as string[];
      const [before, after] = await Promise.all(
        [source, target].map((one) => Promise.all(keys.map((name) => one.command('PTTL', name)))),
      );
      const wanted = (before as number[]).map((ms) => (ms < 0 ? ms : ms + DAY_MS));
      const wrong = keys.filter((_, index) => Math.abs(Number(after?.[index]) - Number(wanted[index])) > 10_000);
      assert.deepEqual(wrong, []);
      assert.ok(wanted.filter((ms) => ms > 0).length > 50);
    });
  }
});
