import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { Archive, type CompactOptions } from '../../../repository/archive/archive.ts';
import { openStore } from '../../support/open-store.ts';
import { randomFrom } from '../../support/random.ts';
import { startS3 } from '../../support/s3-server.ts';
import { collect, keysOf } from '../bodies.ts';
import { BEGUN, bytesOf, sampleSegment, stateAt, storeStream, streamOf, TIMELINE_ID } from './fixtures.ts';
import { MemoryStore } from './memory-store.ts';

const CASES = Number(process.env.CASES) || 25;
const HOUR = 3_600_000;

/** As if all that is stored now was old. */
const later: CompactOptions = { nowMs: Date.now() + 48 * HOUR };

async function readAll(archive: Archive, from: number, to: number): Promise<{ start: number; found: Buffer }> {
  const range = await archive.openRange(TIMELINE_ID, from, to);
  assert.deepEqual(range.startState, stateAt(range.start));
  return { start: range.start, found: await collect(range.body) };
}

async function isRight(archive: Archive, stream: Buffer, from: number, to: number): Promise<void> {
  const { start, found } = await readAll(archive, from, to);
  assert.ok(start <= from && found.equals(bytesOf(stream, start, to)), `wrong bytes from ${from} to ${to}`);
}

const raws = async (archive: Archive) => (await archive.segments(TIMELINE_ID)).filter(({ compacted }) => !compacted).length;

describe('the compaction of an archive', () => {
  it('makes one segment of many, with the same bytes, and leaves the newest as they are', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    const { stream } = await storeStream(archive, Array(50).fill(100));
    const before = await archive.position(TIMELINE_ID);
    const { compacted, removed, problems } = await archive.compact(TIMELINE_ID, later);
    assert.deepEqual(
      compacted.map(({ start, end, segments }) => [start, end, segments]),
      [[1000, 5800, 48]],
    );
    assert.deepEqual([removed.length, problems, await raws(archive)], [48, [], 2]);
    assert.equal((await keysOf(archive.store, 'main/0/archive/')).length, 3, 'timeline.json and two segments');
    assert.deepEqual(await archive.position(TIMELINE_ID), { ...before, segments: 3 });
    await isRight(archive, stream, 1000, 6000);
    await isRight(archive, stream, 3210, 5801);
    await archive.putSegment(sampleSegment(6000, 6100), [streamOf(100)]);
    const again = await archive.compact(TIMELINE_ID, later);
    assert.deepEqual([again.compacted, again.removed], [[], []], 'one segment alone is not worth it');
  });

  it('keeps the destructive commands, and a mark for each second', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    await storeStream(archive, Array(30).fill(500)); // a mark each half second
    const flushed = { command: 'FLUSHALL', before: 16_050, after: 16_100, atMs: BEGUN + 16_050, db: 0 };
    await archive.putSegment(
      sampleSegment(16_000, 16_500, { destructive: [flushed], unknownCommands: ['HIDDEN'], largestCommandBytes: 77 }),
      [streamOf(500)],
    );
    for (const at of [16_500, 17_000]) await archive.putSegment(sampleSegment(at, at + 500), [streamOf(500)]);
    await archive.compact(TIMELINE_ID, later);
    const [segment] = await archive.segments(TIMELINE_ID);
    assert.ok(segment?.compacted);
    const header = await archive.header(segment);
    const { marks, destructive, unknownCommands, firstAtMs, lastAtMs, endState, largestCommandBytes } = header;
    assert.equal(largestCommandBytes, 77);
    assert.deepEqual([destructive, unknownCommands, endState], [[flushed], ['HIDDEN'], stateAt(16_500)]);
    assert.deepEqual([firstAtMs, lastAtMs], [BEGUN + 1000, BEGUN + 16_500]);
    assert.deepEqual(
      marks.map(([offset]) => offset),
      [...Array.from({ length: 15 }, (_, i) => 1500 + i * 1000), 16_500],
    );
  });

  it('leaves alone what is young, and waits until a run is worth it', async () => {
    const memory = new MemoryStore();
    const archive = new Archive(memory, { instance: 'main', shard: '0' });
    const begun = Date.now();
    let minute = 0;
    memory.nowMs = () => begun + minute * 60_000;
    await storeStream(archive, [100]);
    for (minute = 1; minute < 200; minute++) {
      const at = 1000 + minute * 100;
      await archive.putSegment(sampleSegment(at, at + 100), [streamOf(100)]);
      await archive.compact(TIMELINE_ID, { nowMs: memory.nowMs() });
    }
    const segments = await archive.segments(TIMELINE_ID);
    assert.ok(segments.length < 125, `${segments.length} segments`);
    assert.equal(segments.filter(({ compacted }) => compacted).length, 2, 'one for each hour');
  });

  it('keeps to the size, and compacts nothing over a hole', async () => {
    const memory = new MemoryStore();
    const archive = new Archive(memory, { instance: 'main', shard: '0' });
    await storeStream(archive, Array(20).fill(100));
    const fifth = (await archive.segments(TIMELINE_ID))[4];
    memory.objects.delete(fifth?.key ?? '');
    const { compacted } = await archive.compact(TIMELINE_ID, { ...later, maxRawBytes: 700 });
    assert.deepEqual(
      compacted.map(({ start, end }) => [start, end]),
      [
        [1000, 1400],
        [1500, 1700],
        [1700, 2400],
        [2400, 2800],
      ],
    );
  });

  it('names what is damaged, and deletes nothing of it', async () => {
    const memory = new MemoryStore();
    const archive = new Archive(memory, { instance: 'main', shard: '0' });
    await storeStream(archive, Array(10).fill(100));
    const bad = (await archive.segments(TIMELINE_ID))[3]?.key ?? '';
    const object = memory.objects.get(bad);
    assert.ok(object);
    object.bytes = Buffer.from(object.bytes);
    object.bytes.writeUInt8(object.bytes.readUInt8(object.bytes.length - 10) ^ 1, object.bytes.length - 10);
    const { compacted, removed, problems } = await archive.compact(TIMELINE_ID, later);
    assert.deepEqual([compacted, removed, problems.map(({ code }) => code)], [[], [], ['ARCHIVE_CORRUPT']]);
  });

  it('is not disturbed by an archiver that wakes up after hours and writes where all is compacted', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    const { stream } = await storeStream(archive, Array(20).fill(100));
    await archive.compact(TIMELINE_ID, later);
    await archive.putSegment(sampleSegment(1500, 1650, { attempt: 'late' }), [bytesOf(stream, 1500, 1650)]);
    await archive.putSegment(sampleSegment(2750, 2850, { attempt: 'late' }), [bytesOf(stream, 2750, 2850)]); // over its end
    await isRight(archive, stream, 1000, 3000);
    await isRight(archive, stream, 2800, 3000);
    assert.equal((await archive.position(TIMELINE_ID)).end, 3000);
    const { removed } = await archive.compact(TIMELINE_ID, later);
    assert.deepEqual(
      removed.map((key) => key.slice(-20)),
      ['000000001500.aof.zst'],
    );
    await isRight(archive, stream, 1000, 3000);
  });

  it('leaves every byte where it can be read, wherever it is killed, and ends what was begun', async () => {
    const oneCase = async (seed: number) => {
      const random = randomFrom(seed);
      const memory = new MemoryStore();
      const archive = new Archive(memory, { instance: 'main', shard: '0' });
      const { stream } = await storeStream(
        archive,
        Array.from({ length: 3 + random.below(20) }, () => 1 + random.below(200)),
      );
      const end = 1000 + stream.length;
      const before = await archive.position(TIMELINE_ID);
      for (let deaths = 0; deaths < 3; deaths++) {
        let left = random.below(60);
        memory.before = () => {
          if (left-- <= 0) throw new Error('killed');
        };
        const options = { ...later, maxRawBytes: 200 + random.below(2000) };
        await archive.compact(TIMELINE_ID, options).catch((error) => assert.equal(error.message, 'killed'));
        memory.before = () => {};
        const from = 1000 + random.below(stream.length);
        await isRight(archive, stream, from, from + 1 + random.below(end - from));
        await isRight(archive, stream, 1000, end);
        assert.equal((await archive.position(TIMELINE_ID)).end, before.end);
      }
      const { problems } = await archive.compact(TIMELINE_ID, later);
      assert.deepEqual(problems, []);
      const starts = (await archive.segments(TIMELINE_ID)).map(({ start }) => start);
      const left = await keysOf(memory, 'main/0/archive/');
      assert.equal(left.length, 1 + (await raws(archive)), 'no original stays behind');
      assert.deepEqual(starts, [...new Set(starts)]);
      await isRight(archive, stream, 1000, end);
    };
    await fc.assert(fc.asyncProperty(fc.nat(2 ** 31 - 1), oneCase), { numRuns: CASES });
  }).timeout(600_000);

  it('may run twice at once with different sizes, beside an archiver and a reader', async () => {
    const oneCase = async (seed: number) => {
      const random = randomFrom(seed);
      const memory = new MemoryStore();
      const archive = new Archive(memory, { instance: 'main', shard: '0' });
      const lengths = Array.from({ length: 3 + random.below(20) }, () => 1 + random.below(200));
      const { stream } = await storeStream(archive, lengths);
      const end = 1000 + stream.length;
      memory.before = async () => void (random.below(3) === 0 && (await sleep(random.below(2))));
      const compact = () => archive.compact(TIMELINE_ID, { ...later, maxRawBytes: 200 + random.below(2000) });
      const reading = async () => {
        for (let i = 0; i < 3; i++) {
          const from = 1000 + random.below(stream.length);
          await isRight(archive, stream, from, end);
          assert.equal((await archive.position(TIMELINE_ID)).end, end);
        }
      };
      const [one, other] = await Promise.all([compact(), compact(), reading()]);
      assert.deepEqual([...one.problems, ...other.problems], []);
      memory.before = () => {};
      await isRight(archive, stream, 1000, end);
      await compact();
      await isRight(archive, stream, 1000, end);
    };
    await fc.assert(fc.asyncProperty(fc.nat(2 ** 31 - 1), oneCase), { numRuns: CASES });
  }).timeout(600_000);

  for (const kind of ['a directory', 'S3'] as const) {
    it(`works in ${kind}`, async () => {
      await using s3 = kind === 'S3' ? await startS3() : undefined;
      const directory = await mkdtemp(join(tmpdir(), 'redis-backup-compact-'));
      const archive = new Archive(openStore(s3 ? s3.location('compact') : { kind: 'file', directory }), {
        instance: 'main',
        shard: '0',
      });
      const { stream } = await storeStream(archive, Array(20).fill(3000));
      const { removed } = await archive.compact(TIMELINE_ID, later);
      assert.equal(removed.length, 18);
      await isRight(archive, stream, 1000, 61_000);
      await archive.retain([{ backupId: 'x', replication: { replid: TIMELINE_ID.slice(0, 40), offset: 60_000 } }]);
      await isRight(archive, stream, 60_000, 61_000);
      assert.equal((await archive.segments(TIMELINE_ID)).length, 1);
      archive.store.close();
      await rm(directory, { recursive: true });
    });
  }
});
