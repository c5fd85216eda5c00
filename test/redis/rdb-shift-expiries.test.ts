import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { shiftRdbExpiries } from '../../redis/rdb/shift-expiries.ts';
import { fillAllTypes } from '../support/datasets.ts';
import { byte, database, expiring, key, rdb, text, zeros } from '../support/rdb-bytes.ts';
import { readRdb } from '../support/read-rdb.ts';
import { redisBinaries } from '../support/redis-binaries.ts';
import { startRedis } from '../support/redis-server.ts';
import { streamOf } from './support/log-bytes.ts';

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

  for (const binary of redisBinaries()) {
    it(`gives each key of ${binary.label} a day more`, async () => {
      await using source = await startRedis({ binary: binary.path });
      await fillAllTypes({ port: source.port }, { keys: 300, server: binary });
      await source.command('SAVE');
      const bytes = readFileSync(join(source.dir, 'dump.rdb'));
      const moved = await shifted(bytes, DAY_MS, 65_536, 1, 7);
      assert.equal(moved.length, bytes.length);
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
