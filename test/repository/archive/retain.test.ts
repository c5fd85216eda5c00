import assert from 'node:assert/strict';
import { Archive } from '../../../repository/archive/archive.ts';
import { collect, keysOf, refuses } from '../bodies.ts';
import { BEGUN, bytesOf, REPLID, sampleSegment, sampleTimeline, storeStream, TIMELINE_ID } from './fixtures.ts';
import { MemoryStore } from './memory-store.ts';

const OTHER = 'f'.repeat(40);
const MONTH_LATER = { nowMs: BEGUN + 30 * 86_400_000 };
const base = (offset: number, replid = REPLID) => ({ backupId: '20260214T060000Z', replication: { replid, offset } });

describe('the retention of a stored archive', () => {
  it('deletes the segments that end before the oldest kept snapshot, and only when told to', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    const { stream } = await storeStream(archive, Array(10).fill(100));
    const kept = [base(1750), base(1350)];
    const { removed, plan } = await archive.retain(kept, { dryRun: true });
    assert.deepEqual(
      removed.map(({ key }) => Number(key.slice(-24, -8))),
      [1000, 1100, 1200],
    );
    assert.deepEqual(plan.keep, [{ timelineId: TIMELINE_ID, from: 1350, because: 'snapshot 20260214T060000Z' }]);
    assert.equal((await archive.segments(TIMELINE_ID)).length, 10);
    assert.deepEqual((await archive.retain(kept)).removed, removed);
    assert.deepEqual((await archive.retain(kept)).removed, []);
    const range = await archive.openRange(TIMELINE_ID, 1350, 2000);
    assert.deepEqual(await collect(range.body), bytesOf(stream, 1300, 2000));
    await refuses(archive.openRange(TIMELINE_ID, 1250, 2000), 'ARCHIVE_GAP', /1250 to 1300/);
    assert.equal((await archive.position(TIMELINE_ID)).end, 2000);
  });

  it('keeps the last segment of a timeline: it says where the next one goes on', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    await storeStream(archive, Array(5).fill(100));
    await archive.compact(TIMELINE_ID, { nowMs: Date.now() + 86_400_000 });
    const parent = { timelineId: TIMELINE_ID, end: 1500, endedAt: new Date(BEGUN).toISOString(), gap: false };
    await archive.createTimeline(sampleTimeline({ replid: OTHER, first: 1500, reason: 'continued', parent }));
    await archive.retain([base(1500)], MONTH_LATER);
    assert.deepEqual(
      (await archive.segments(TIMELINE_ID)).map(({ start }) => start),
      [1400],
    );
    assert.equal((await archive.position(TIMELINE_ID)).end, 1500);
  });

  it('deletes a whole timeline that nothing needs, and touches none that it cannot read', async () => {
    const store = new MemoryStore();
    const archive = new Archive(store, { instance: 'main', shard: '0' });
    await storeStream(archive, [100, 100]);
    const startedAt = new Date(BEGUN + 60_000).toISOString();
    const parent = { timelineId: TIMELINE_ID, end: 1200, endedAt: startedAt, gap: true };
    const newest = sampleTimeline({ replid: OTHER, first: 5, startedAt, reason: 'full-resync', parent });
    await archive.createTimeline(newest);
    await archive.putSegment(sampleSegment(5, 10, { timelineId: newest.timelineId }), [Buffer.alloc(5)]);
    const unread = `main/0/archive/${'e'.repeat(40)}-0000000000000001`;
    store.objects.set(`${unread}/timeline.json`, { bytes: Buffer.from('{"formatVersion": 2}'), modifiedAtMs: 0 });
    store.objects.set(`${unread}/0000000000000001.aof.zst`, { bytes: Buffer.from('x'), modifiedAtMs: 0 });
    const { removed, problems } = await archive.retain([], MONTH_LATER);
    assert.equal(removed.at(-1)?.key, `main/0/archive/${TIMELINE_ID}/timeline.json`, 'last of all');
    assert.deepEqual([removed.length, problems.map(({ error }) => error.code)], [3, ['MANIFEST_VERSION_UNKNOWN']]);
    assert.equal((await keysOf(store, 'main/0/archive/')).length, 4);
    assert.deepEqual(await archive.newestTimeline(), newest);
  });

  it('leaves a whole archive that begins later, wherever it is killed', async () => {
    for (let deaths = 0; deaths < 40; deaths++) {
      const store = new MemoryStore();
      const archive = new Archive(store, { instance: 'main', shard: '0' });
      const { stream } = await storeStream(archive, Array(10).fill(100));
      let left = deaths;
      store.before = () => {
        if (left-- <= 0) throw new Error('killed');
      };
      await archive.retain([base(1850)]).catch((error) => assert.equal(error.message, 'killed'));
      store.before = () => {};
      const [first] = await archive.segments(TIMELINE_ID);
      const range = await archive.openRange(TIMELINE_ID, first?.start ?? 0, 2000);
      assert.deepEqual(await collect(range.body), bytesOf(stream, first?.start ?? 0, 2000));
    }
  });
});
