import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type ArchiveExtent, logPositionsOf } from '../../../model/archive/chain.ts';
import { planArchive } from '../../../model/archive/plan.ts';
import { planArchiveRetention } from '../../../model/archive/retention.ts';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { extent, NOON, type Sketch, snapshotAt } from '../../fixtures/archive.ts';
import { always } from '../../support/always.ts';
import { randomFrom } from '../../support/random.ts';

const DAY = 24 * 60;
const MONTH_LATER = { nowMs: NOON + 30 * DAY * 60_000 };

const continuing = (name: string, from: number, end: number, minute: number, parent: string, first: number): ArchiveExtent =>
  extent({ name, from, end, minute, reason: 'continued', parent: { name: parent, first, end: from, gap: false } });
const resynced = (name: string, from: number, end: number, minute: number, parent: string, first: number): ArchiveExtent =>
  extent({ name, from, end, minute, reason: 'full-resync', parent: { name: parent, first, end: first, gap: true } });

const summary = (extents: ArchiveExtent[], kept: SnapshotManifest[], at = MONTH_LATER) => {
  const { keep, remove } = planArchiveRetention(extents, kept, at);
  return [keep.map(({ timelineId, from }) => [timelineId[0], from]), remove.map(({ timelineId }) => timelineId[0])];
};

describe('the retention of an archive', () => {
  it('drops what lies before the oldest kept snapshot', () => {
    const kept = [snapshotAt('a', 700, 2), snapshotAt('a', 300, 1)];
    assert.deepEqual(summary([extent({ name: 'a', from: 0, end: 1000, minute: 0 })], kept), [[['a', 300]], []]);
  });

  it('keeps all of a timeline that a kept snapshot goes on into, though it has snapshots of its own', () => {
    const a = extent({ name: 'a', from: 0, end: 1000, minute: 0 });
    const b = continuing('b', 1000, 2000, 1, 'a', 0);
    const c = continuing('c', 2000, 3000, 2, 'b', 1000);
    const kept = [snapshotAt('a', 500, 0), snapshotAt('c', 2500, 2)];
    assert.deepEqual(summary([a, b, c], kept), [
      [
        ['a', 500],
        ['b', 1000],
        ['c', 2000],
      ],
      [],
    ]);
    assert.deepEqual(summary([a, b, c], kept.slice(1)), [[['c', 2500]], ['a', 'b']]);
  });

  it('drops timelines before a gap that no kept snapshot is on, but never the newest, nor one of today', () => {
    const a = extent({ name: 'a', from: 0, end: 1000, minute: 0 });
    const b = resynced('b', 50, 500, DAY, 'a', 0);
    const c = resynced('c', 70, 500, 2 * DAY, 'b', 50);
    assert.deepEqual(summary([a, b, c], []), [[['c', 70]], ['a', 'b']]);
    const later = { nowMs: NOON + 2 * DAY * 60_000 - 1 };
    assert.deepEqual(summary([a, b, c], [], later), [
      [
        ['b', 50],
        ['c', 70],
      ],
      ['a'],
    ]);
    assert.deepEqual(summary([a, b, c], [snapshotAt('a', 999, 0)]), [
      [
        ['a', 999],
        ['c', 70],
      ],
      ['b'],
    ]);
  });

  it('keeps all of the newest while its only snapshot is ahead of the archive', () => {
    const a = extent({ name: 'a', from: 0, end: 1000, minute: 0 });
    assert.deepEqual(summary([a], [snapshotAt('a', 1001, 1)]), [[['a', 0]], []]);
  });

  it('takes away no moment that a kept snapshot could bring back, and removes nothing when planned again', () => {
    always(
      fc.property(fc.nat(2 ** 31 - 1), (seed) => {
        const random = randomFrom(seed);
        const extents = randomHistory(seed);
        const offsets = logPositionsOf(extents).flatMap(({ timeline, from, end }) =>
          [from, from + random.below(end - from + 1), end].map((offset) => ({ timeline, offset })),
        );
        const kept = offsets
          .filter(() => random.below(3) === 0)
          .map(({ timeline, offset }, i) => snapshotAt(timeline.replid[0] ?? '', offset, i));
        const plan = planArchiveRetention(extents, kept, MONTH_LATER);
        const left = carriedOut(extents, plan);
        for (const { timeline, offset } of offsets) {
          const target = { kind: 'offset', timelineId: timeline.timelineId, offset } as const;
          const cut = { timelineId: timeline.timelineId, offset, atMs: NOON };
          const before = planArchive({ extents, snapshots: kept }, target, cut);
          const after = planArchive({ extents: left, snapshots: kept }, target, cut);
          if ('plan' in before) assert.deepEqual('plan' in after && after.plan.slices, before.plan.slices);
          else assert.ok('refusal' in after);
        }
        const again = planArchiveRetention(left, kept, MONTH_LATER);
        assert.deepEqual(carriedOut(left, again), left);
      }),
    );
  });
});

/** Up to six timelines, most of which go on from the one before. */
function randomHistory(seed: number): ArchiveExtent[] {
  const random = randomFrom(seed);
  const extents: ArchiveExtent[] = [];
  let last: Sketch | undefined;
  for (let i = 0; i < 1 + random.below(6); i++) {
    const name = 'abcdef'[i] ?? '';
    const goesOn = last !== undefined && random.below(3) > 0;
    const from: number = goesOn ? (last?.end ?? 0) : random.below(100);
    const sketch: Sketch = { name, from, end: from + random.below(200), minute: i };
    if (last) sketch.parent = { name: last.name, first: last.from, end: goesOn ? from : last.end, gap: !goesOn };
    extents.push(extent(sketch));
    last = sketch;
  }
  return extents;
}

function carriedOut(extents: ArchiveExtent[], plan: ReturnType<typeof planArchiveRetention>): ArchiveExtent[] {
  return extents.flatMap(({ timeline, stretches }) => {
    const kept = plan.keep.find(({ timelineId }) => timelineId === timeline.timelineId);
    if (!kept) return [];
    const left = stretches.map((stretch) => ({ ...stretch, from: Math.max(stretch.from, kept.from) }));
    return [{ timeline, stretches: left }];
  });
}
