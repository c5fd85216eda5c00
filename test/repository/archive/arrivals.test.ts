import assert from 'node:assert/strict';
import type { LateArrival } from '../../../model/archive/timeline.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { readArrivals } from '../../../repository/archive/arrivals.ts';
import { timelineIdOf } from '../../../repository/layout.ts';
import { BEGUN, REPLID, sampleSegment, sampleTimeline } from './fixtures.ts';
import { MemoryStore } from './memory-store.ts';

describe('how the log came', () => {
  const open = async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    await archive.createTimeline(sampleTimeline());
    return archive;
  };
  const put = (archive: Archive, from: number, parts: object = {}) =>
    archive.putSegment(sampleSegment(from, from + 100, parts), [Buffer.alloc(100, 'x')]);
  const late = (from: number, sinceMs: number, atMs: number): { late: LateArrival[] } => ({
    late: [{ from, to: from + 50, sinceMs, atMs }],
  });

  it('is told by all segments since a moment, the largest command and the longest pause of them', async () => {
    const archive = await open();
    await put(archive, 1000, { largestCommandBytes: 9000 });
    for (let from = 1100; from < 9000; from += 100) await put(archive, from, { largestCommandBytes: from % 700 });
    await put(archive, 9000, late(9000, BEGUN + 2000, BEGUN + 9050));
    const all = await readArrivals(archive, BEGUN);
    assert.deepEqual(all.largest, { bytes: 9000, atMs: BEGUN + 1100 });
    assert.deepEqual(all.pause, { ms: 7050, atMs: BEGUN + 9050 });
    const newer = await readArrivals(archive, BEGUN + 1200);
    assert.deepEqual(newer.largest, { bytes: 600, atMs: BEGUN + 1400 });
    assert.deepEqual(await readArrivals(archive, Date.now() + 60_000), {});
  });

  it('has a pause only where Redis held it for a follower, and not while nobody followed', async () => {
    const archive = await open();
    await put(archive, 1000);
    await put(archive, 1100, late(1100, BEGUN + 1100, BEGUN + 1200)); // since the last byte before it
    await put(archive, 1200, { marks: [[1250, BEGUN + 1210]], ...late(1250, BEGUN + 1210, BEGUN + 1290) }); // as one of a merged segment
    const parent = {
      timelineId: timelineIdOf(REPLID, 1000),
      end: 1300,
      endedAt: new Date(BEGUN + 1300).toISOString(),
      gap: false,
    };
    const replid = 'b'.repeat(40);
    await archive.createTimeline(sampleTimeline({ replid, first: 1300, reason: 'continued', parent }));
    const timelineId = timelineIdOf(replid, 1300);
    await put(archive, 1300, { timelineId, ...late(1300, BEGUN + 1300, BEGUN + 1390) });
    assert.equal((await readArrivals(archive, BEGUN)).pause, undefined);
    await put(archive, 1400, { timelineId, ...late(1400, BEGUN + 1410, BEGUN + 1490) });
    assert.deepEqual((await readArrivals(archive, BEGUN)).pause, { ms: 80, atMs: BEGUN + 1490 });
  });
});
