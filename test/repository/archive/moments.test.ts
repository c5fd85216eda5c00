import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { planArchive } from '../../../model/archive/plan.ts';
import type { DestructiveCommand } from '../../../model/archive/timeline.ts';
import { Archive, type NewSegment } from '../../../repository/archive/archive.ts';
import { chooseFromLog } from '../../../repository/archive/choose.ts';
import { timelineIdOf } from '../../../repository/layout.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { type Random, randomFrom } from '../../support/random.ts';
import { BEGUN, REPLID, sampleSegment, sampleTimeline, TIMELINE_ID } from './fixtures.ts';
import { MemoryStore } from './memory-store.ts';

const CASES = Number(process.env.CASES) || 50;
const IN_TRANSACTION = { db: 0, inTransaction: true };
const BETWEEN = { db: 0, inTransaction: false };

/** Segments with marks at random, and now and then a transaction that is longer than one. */
function randomSegments(random: Random, count: number): NewSegment[] {
  const segments: NewSegment[] = [];
  let [start, atMs, state] = [1000, BEGUN, BETWEEN];
  for (let i = 0; i < count; i++) {
    const end = start + 10 + random.below(90);
    const firstAtMs = atMs + random.below(50);
    const lastAtMs = firstAtMs + random.below(50);
    const endState = random.below(3) === 0 ? IN_TRANSACTION : BETWEEN;
    const offsets = Array.from({ length: random.below(4) }, () => start + 1 + random.below(end - start - 1)).sort(
      (a, b) => a - b,
    );
    const times = offsets.map(() => firstAtMs + random.below(lastAtMs - firstAtMs + 1)).sort((a, b) => a - b);
    const marks = offsets.map((offset, at): [number, number] => [offset, times[at] ?? 0]);
    segments.push(sampleSegment(start, end, { startState: state, endState, firstAtMs, lastAtMs, marks }));
    [start, atMs, state] = [end, lastAtMs, endState];
  }
  return segments;
}

const store = async (archive: Archive, segments: readonly NewSegment[]) => {
  await archive.createTimeline(sampleTimeline());
  for (const segment of segments) await archive.putSegment(segment, [Buffer.alloc(segment.end - segment.start, 'x')]);
};

/** Every boundary that the headers tell of. */
const boundariesOf = (segments: readonly NewSegment[]): [offset: number, atMs: number][] =>
  segments.flatMap(({ start, end, startState, endState, firstAtMs, lastAtMs, marks }) => [
    ...(startState.inTransaction ? [] : [[start, firstAtMs] as [number, number]]),
    ...marks,
    ...(endState.inTransaction ? [] : [[end, lastAtMs] as [number, number]]),
  ]);

describe('the cut for a moment', () => {
  it('is the last boundary at or before it, whatever the moment', async () => {
    const oneCase = async (seed: number) => {
      const random = randomFrom(seed);
      const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
      const segments = randomSegments(random, 1 + random.below(30));
      await store(archive, segments);
      const { extents } = await archive.extents();
      for (let i = 0; i < 5; i++) {
        const atMs = BEGUN + random.below((segments.at(-1)?.lastAtMs ?? BEGUN) - BEGUN + 1);
        const cut = await archive.findCut(extents, { kind: 'time', atMs });
        const expected = boundariesOf(segments).filter(([, boundaryMs]) => boundaryMs <= atMs);
        const [offset] = expected.at(-1) ?? [1000];
        assert.equal(cut?.offset, offset);
        assert.ok(cut && cut.atMs <= atMs);
      }
      const latest = await archive.findCut(extents, { kind: 'latest' });
      assert.equal(latest?.offset, boundariesOf(segments).at(-1)?.[0]);
    };
    await fc.assert(fc.asyncProperty(fc.nat(2 ** 31 - 1), oneCase), { numRuns: CASES });
  }).timeout(600_000);

  it('is found among thousands of segments with a few requests', async () => {
    const memory = new MemoryStore();
    const archive = new Archive(memory, { instance: 'main', shard: '0' });
    await store(archive, randomSegments(randomFrom(7), 3000));
    const { extents } = await archive.extents();
    memory.reads = 0;
    await archive.findCut(extents, { kind: 'time', atMs: BEGUN + 50_000 });
    assert.ok(memory.reads < 20, `${memory.reads} requests`);
    memory.reads = 0;
    await archive.position(TIMELINE_ID);
    assert.ok(memory.reads < 20, `${memory.reads} requests`);
  });

  it('lies in the timeline before, when the one that continues it has none yet', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    const state = { startState: BETWEEN, endState: BETWEEN };
    await store(archive, [sampleSegment(1000, 1100, { ...state, endState: IN_TRANSACTION, marks: [[1060, BEGUN + 1060]] })]);
    const parent = { timelineId: TIMELINE_ID, end: 1100, endedAt: new Date(BEGUN + 1100).toISOString(), gap: false };
    const startedAt = new Date(BEGUN + 1100).toISOString();
    const replid = 'f'.repeat(40);
    const next = sampleTimeline({ replid, first: 1100, startedAt, reason: 'continued', parent });
    await archive.createTimeline(next);
    const { timelineId } = next;
    await archive.putSegment(
      sampleSegment(1100, 1200, { timelineId, startState: IN_TRANSACTION, marks: [[1190, BEGUN + 1190]] }),
      [Buffer.alloc(100)],
    );
    const { extents } = await archive.extents();
    const target = { kind: 'time', atMs: BEGUN + 1150 } as const;
    const cut = await archive.findCut(extents, target);
    assert.deepEqual(cut, { timelineId: TIMELINE_ID, offset: 1060, atMs: BEGUN + 1060 });
    const snapshot = sampleManifest({ replication: { replid: REPLID, offset: 1010 } });
    const decision = planArchive({ extents, snapshots: [snapshot] }, target, cut);
    assert.ok('plan' in decision);
    assert.deepEqual(decision.plan.slices, [{ timelineId: TIMELINE_ID, from: 1010, to: 1060 }]);
  });

  it('is none in a gap', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    await store(archive, randomSegments(randomFrom(1), 3));
    const { extents } = await archive.extents();
    assert.equal(await archive.findCut(extents, { kind: 'time', atMs: BEGUN + 3_600_000 }), undefined);
    assert.equal(await archive.findCut([], { kind: 'latest' }), undefined);
  });
});

describe('destructive commands', () => {
  it('are found by the time at which they passed, in all timelines', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    const passed = (atMs: number, command: string): DestructiveCommand => ({ command, before: 1, after: 2, atMs, db: 0 });
    await archive.createTimeline(sampleTimeline());
    for (let i = 0; i < 40; i++) {
      const at = 1000 + i * 100;
      const destructive = i % 10 === 0 ? [passed(BEGUN + at + 50, `n${i}`)] : [];
      await archive.putSegment(sampleSegment(at, at + 100, { destructive }), [Buffer.alloc(100)]);
    }
    const other = sampleTimeline({ replid: 'f'.repeat(40), first: 1000, startedAt: new Date(BEGUN + 9000).toISOString() });
    await archive.createTimeline(other);
    const last = { timelineId: other.timelineId, destructive: [passed(BEGUN + 9500, 'other')] };
    await archive.putSegment(sampleSegment(1000, 1100, { ...last, firstAtMs: BEGUN + 9000, lastAtMs: BEGUN + 9600, marks: [] }), [
      Buffer.alloc(100),
    ]);
    const extents = await archive.extents();
    const between = (fromMs: number, toMs: number) =>
      archive.destructive(extents, { fromMs: BEGUN + fromMs, toMs: BEGUN + toMs });
    const named = async (fromMs: number, toMs: number) => (await between(fromMs, toMs)).found.map(({ command }) => command);
    assert.deepEqual(await named(0, 10_000), ['n0', 'n10', 'n20', 'n30', 'other']);
    assert.deepEqual(await named(1051, 3050), ['n10', 'n20']);
    assert.deepEqual(await named(3051, 4049), []);
    assert.deepEqual(await named(9600, 9700), []);
    assert.equal((await between(0, 2000)).found[0]?.timelineId, timelineIdOf(REPLID, 1000));
  });

  it('that came late are found by any time at which they may have passed, and the cut for such a time says what it leaves out', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    const [awayMs, backMs] = [BEGUN + 1100, BEGUN + 61_000];
    const late = { sinceMs: awayMs, atMs: backMs };
    const came = { firstAtMs: backMs, lastAtMs: backMs };
    const flush = { command: 'FLUSHALL', before: 1210, after: 1240, db: 0, ...late };
    await store(archive, [
      sampleSegment(1000, 1100, { startState: BETWEEN, endState: BETWEEN }),
      sampleSegment(1100, 1200, {
        ...came,
        startState: BETWEEN,
        endState: BETWEEN,
        marks: [],
        late: [{ from: 1100, to: 1200, ...late }],
      }),
      sampleSegment(1200, 1300, {
        ...came,
        startState: BETWEEN,
        endState: BETWEEN,
        marks: [],
        late: [{ from: 1200, to: 1250, ...late }],
        destructive: [flush],
      }),
      sampleSegment(1300, 1400, {
        firstAtMs: backMs + 500,
        lastAtMs: backMs + 900,
        startState: BETWEEN,
        endState: BETWEEN,
        marks: [],
      }),
    ]);
    const all = await archive.extents();
    const between = async (fromMs: number, toMs: number) => (await archive.destructive(all, { fromMs, toMs })).found;
    assert.deepEqual(await between(awayMs + 10_000, awayMs + 20_000), [{ timelineId: TIMELINE_ID, ...flush }]);
    assert.deepEqual(await between(backMs - 1, backMs + 1), [{ timelineId: TIMELINE_ID, ...flush }]);
    assert.deepEqual(await between(BEGUN, awayMs - 1), []);
    assert.deepEqual(await between(backMs + 1, backMs + 2_000), []);
    const cutAt = async (atMs: number) => archive.findCut(all.extents, { kind: 'time', atMs });
    const cut = await cutAt(awayMs + 10_000);
    assert.equal(cut?.offset, 1100);
    assert.deepEqual(
      cut.late?.map(({ from, to }) => [from, to]),
      [
        [1100, 1200],
        [1200, 1250],
      ],
    );
    assert.deepEqual(await cutAt(backMs + 100), { timelineId: TIMELINE_ID, offset: 1300, atMs: backMs });
    const chosen = await chooseFromLog(archive, {
      until: new Date(awayMs + 10_000).toISOString(),
      snapshots: [sampleManifest({ replication: { replid: REPLID, offset: 1010 } })],
    });
    assert.match(
      chosen.doubts.join(),
      /not certain: 150 B of the log behind it came late, .* since .*: they are left out; `--until .*` takes them in/,
    );
  });

  it('that came late to a timeline that continues another are found by the time before it, too', async () => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    await store(archive, [sampleSegment(1000, 1100, { startState: BETWEEN, endState: BETWEEN })]);
    const [awayMs, backMs] = [BEGUN + 1100, BEGUN + 61_000];
    const parent = { timelineId: TIMELINE_ID, end: 1100, endedAt: new Date(awayMs).toISOString(), gap: false };
    const startedAt = new Date(backMs).toISOString();
    const next = sampleTimeline({ replid: 'f'.repeat(40), first: 1100, startedAt, reason: 'continued', parent });
    await archive.createTimeline(next);
    const { timelineId } = next;
    const late = { sinceMs: awayMs, atMs: backMs };
    const flush = { command: 'FLUSHALL', before: 1110, after: 1140, db: 0, ...late };
    const came = { firstAtMs: backMs, lastAtMs: backMs, marks: [], late: [{ from: 1100, to: 1200, ...late }] };
    await archive.putSegment(
      sampleSegment(1100, 1200, { timelineId, startState: BETWEEN, endState: BETWEEN, ...came, destructive: [flush] }),
      [Buffer.alloc(100)],
    );
    const all = await archive.extents();
    const { found } = await archive.destructive(all, { fromMs: awayMs + 10_000, toMs: awayMs + 20_000 });
    assert.deepEqual(found, [{ timelineId, ...flush }]);
    const cut = await archive.findCut(all.extents, { kind: 'time', atMs: awayMs + 10_000 });
    assert.deepEqual(cut, { timelineId: TIMELINE_ID, offset: 1100, atMs: BEGUN + 1100, late: came.late });
  });
});
