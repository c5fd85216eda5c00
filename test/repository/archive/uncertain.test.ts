import assert from 'node:assert/strict';
import { liesIn } from '../../../model/archive/uncertain.ts';
import { type Restorable, restorableOf, restorableText } from '../../../model/restore/restorable.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { chooseFromLog } from '../../../repository/archive/choose.ts';
import { timelineIdOf } from '../../../repository/layout.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { BEGUN, REPLID, sampleSegment, sampleTimeline } from './fixtures.ts';
import { MemoryStore } from './memory-store.ts';

const BETWEEN = { db: 0, inTransaction: false };
const SECOND = 1000;
const manifest = sampleManifest({
  replication: { replid: REPLID, offset: 1000 },
  times: { ...sampleManifest().times, takenAt: new Date(BEGUN).toISOString() },
});
const snapshots = [manifest];

/** Segments of 100 bytes, each with its times and what of it came late. */
async function archived(segments: { atMs: number; sinceMs?: number }[], others: typeof segments = []): Promise<Archive> {
  const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
  await archive.createTimeline(sampleTimeline());
  const put = async (start: number, { atMs, sinceMs }: { atMs: number; sinceMs?: number }, timelineId: string) => {
    const late = sinceMs === undefined ? [] : [{ from: start, to: start + 100, sinceMs, atMs }];
    const times = { firstAtMs: atMs, lastAtMs: atMs, marks: [[start + 100, atMs]] as [number, number][], late };
    const segment = sampleSegment(start, start + 100, { timelineId, startState: BETWEEN, endState: BETWEEN, ...times });
    await archive.putSegment(segment, [Buffer.alloc(100, 'x')]);
  };
  const { timelineId } = sampleTimeline();
  for (const [at, one] of segments.entries()) await put(1000 + at * 100, one, timelineId);
  if (others.length === 0) return archive;
  const [first, last] = [1000 + segments.length * 100, segments.at(-1)];
  const endedAt = new Date(last?.atMs ?? 0).toISOString();
  const next = { replid: 'b'.repeat(40), first, reason: 'continued', startedAt: endedAt } as const;
  await archive.createTimeline(sampleTimeline({ ...next, parent: { timelineId, end: first, endedAt, gap: false } }));
  for (const [at, one] of others.entries()) await put(first + at * 100, one, timelineIdOf(next.replid, first));
  return archive;
}

const restorable = async (archive: Archive): Promise<Restorable> =>
  restorableOf(await archive.extents({ late: true }), snapshots, Number.POSITIVE_INFINITY);

/** What `list` says of each moment is what a plan says of it. */
async function assertAsPlanned(archive: Archive): Promise<Restorable> {
  const said = await restorable(archive);
  for (const { fromMs, toMs } of said.periods) {
    const edges = said.uncertain.flatMap((one) => [one.fromMs - 1, one.fromMs, one.toMs, one.toMs + 1]);
    const even = Array.from({ length: 20 }, (_, i) => Math.round(fromMs + ((toMs - fromMs) * i) / 19));
    for (const atMs of [...even, ...edges].filter((at) => liesIn(at, { fromMs, toMs }))) {
      const { doubts } = await chooseFromLog(archive, { until: new Date(atMs).toISOString(), snapshots });
      assert.equal(
        said.uncertain.some((one) => liesIn(atMs, one)),
        doubts.length > 0,
        `${new Date(atMs).toISOString()}: ${doubts}`,
      );
    }
  }
  return said;
}

describe('The moments that can be restored', () => {
  const at = (seconds: number): number => BEGUN + seconds * SECOND;
  const steady = [1, 2, 3].map((seconds) => ({ atMs: at(seconds) }));
  const away = [...steady, { atMs: at(60), sinceMs: at(3) }, { atMs: at(61) }];

  it('are any where all came as it was written', async () => {
    const said = await assertAsPlanned(await archived(steady));
    assert.deepEqual(said.uncertain, []);
    assert.match(restorableText(said) ?? '', /any moment from 2026-02-14 06:00:00 UTC until 2026-02-14 06:00:03 UTC$/);
  });

  it('are not those of which the log came late, as a plan says of each of them', async () => {
    const said = await assertAsPlanned(await archived(away));
    assert.deepEqual(said.uncertain, [{ fromMs: at(3), toMs: at(60) - 1, why: 'late' }]);
    assert.match(
      restorableText(said) ?? '',
      /any moment from .* until .*06:01:01 UTC, but from 2026-02-14 06:00:03 UTC until 2026-02-14 06:00:59 UTC only to within 57 s, because it came late$/,
    );
  });

  it('are not those either when segments were made one, or where another timeline goes on', async () => {
    const many = [...away, { atMs: at(90), sinceMs: at(70) }, { atMs: at(95) }, { atMs: at(96) }];
    const archive = await archived(many, [{ atMs: at(200), sinceMs: at(96) }, { atMs: at(201) }]);
    await archive.compact(sampleTimeline().timelineId, { olderThanMs: 0, nowMs: Date.now() + 10 * SECOND });
    assert.ok((await archive.segments(sampleTimeline().timelineId)).some(({ compacted }) => compacted));
    const said = await assertAsPlanned(archive);
    assert.deepEqual(
      said.uncertain.map(({ fromMs, toMs }) => [fromMs, toMs]),
      [
        [at(3), at(60) - 1],
        [at(70), at(90) - 1],
        [at(96), at(200) - 1],
      ],
    );
    assert.match(restorableText(said) ?? '', /only to within 1 min 44 s, because it came late, and 2 older stretches no better$/);
  });

  it('are none of a log whose clock was ahead', async () => {
    const ahead = Date.now() + 3_600_000;
    const said = await assertAsPlanned(await archived([...steady, { atMs: ahead }, { atMs: ahead + SECOND }]));
    assert.match(restorableText(said) ?? '', /to no certain moment, because a clock was ahead$/);
    assert.doesNotMatch(restorableText(said) ?? '', /any moment/);
  });
});
