import assert from 'node:assert/strict';
import type { ArchiveExtent } from '../../../model/archive/chain.ts';
import type { Cut } from '../../../model/archive/cut.ts';
import {
  type ArchivePlan,
  type ArchiveRefusal,
  type ArchiveTarget,
  planArchive,
  refusalError,
} from '../../../model/archive/plan.ts';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { unusableBackup } from '../../../model/backup/unusable.ts';
import { backupIdAt } from '../../../model/instance.ts';
import { extent, FAILED_OVER, HOUR, idOf, MINUTE, NOON, snapshotAt } from '../../fixtures/archive.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';

const { a, b, c } = FAILED_OVER;
const ALL = [c, a, b];

const at = (minute: number): number => NOON + minute * MINUTE;
const offset = (letter: string, first: number, offset: number): ArchiveTarget => ({
  kind: 'offset',
  timelineId: idOf(letter, first),
  offset,
});
const cutOf = (target: ArchiveTarget): Cut | undefined =>
  target.kind === 'offset' ? { timelineId: target.timelineId, offset: target.offset, atMs: 0 } : undefined;
const decide = (snapshots: SnapshotManifest[], target: ArchiveTarget, cut = cutOf(target), extents: ArchiveExtent[] = ALL) =>
  planArchive({ extents, snapshots }, target, cut);
const planned = (...args: Parameters<typeof decide>): ArchivePlan => {
  const decision = decide(...args);
  assert.ok('plan' in decision, JSON.stringify(decision));
  return decision.plan;
};
const refused = (...args: Parameters<typeof decide>): ArchiveRefusal => {
  const decision = decide(...args);
  assert.ok('refusal' in decision, JSON.stringify(decision));
  return decision.refusal;
};

describe('the plan of a restore from the archive', () => {
  it('takes the newest snapshot before the target, and the log from there', () => {
    const snapshots = [snapshotAt('a', 1000, 0), snapshotAt('a', 2000, 10), snapshotAt('a', 9000, 20)];
    const { base, slices, logBytes } = planned(snapshots, offset('a', 0, 5000));
    assert.equal(base.backupId, backupIdAt(at(10)));
    assert.deepEqual(slices, [{ timelineId: idOf('a', 0), from: 2000, to: 5000 }]);
    assert.equal(logBytes, 3000);
  });

  it('goes on in the timeline that continues another, which misses nothing', () => {
    const { slices } = planned([snapshotAt('a', 2000, 10)], offset('b', HOUR, HOUR + 50));
    assert.deepEqual(slices, [
      { timelineId: idOf('a', 0), from: 2000, to: HOUR },
      { timelineId: idOf('b', HOUR), from: HOUR, to: HOUR + 50 },
    ]);
  });

  it('goes through a timeline that was opened and continued before a byte of it came', () => {
    const parent = { name: 'a', first: 0, end: HOUR, gap: false };
    const empty = extent({ name: 'x', from: HOUR, end: HOUR, minute: 60, reason: 'continued', parent });
    const next = extent({
      name: 'y',
      from: HOUR,
      end: HOUR + 100,
      minute: 61,
      reason: 'continued',
      parent: { ...parent, name: 'x', first: HOUR },
    });
    const target = offset('y', HOUR, HOUR + 50);
    const { slices } = planned([snapshotAt('a', 2000, 10)], target, cutOf(target), [a, empty, next]);
    assert.deepEqual(
      slices.map(({ timelineId, to }) => [timelineId[0], to]),
      [
        ['a', HOUR],
        ['y', HOUR + 50],
      ],
    );
  });

  it('needs no log for the moment of a snapshot', () => {
    const plan = planned([snapshotAt('a', 2000, 10)], offset('a', 0, 2000));
    assert.deepEqual([plan.slices, plan.logBytes], [[], 0]);
  });

  it('takes no snapshot of another history, behind the target, or that could not be read to its end', () => {
    const unread = sampleManifest().rdb;
    const others = [
      snapshotAt('x', 3000, 11),
      snapshotAt('b', 3000, 12), // before the timeline of that id begins
      snapshotAt('a', 6000, 13),
      snapshotAt('a', 4000, 14, { rdb: { ...unread, parsed: false, unparsed: 'x' } }),
    ];
    assert.equal(planned([snapshotAt('a', 2000, 10), ...others], offset('a', 0, 5000)).base.offset, 2000);
    assert.ok(refused(others, offset('a', 0, 5000)));
  });

  it('takes for latest the end of the newest timeline, and loses nothing that is archived', () => {
    const cut = { timelineId: idOf('c', 7), offset: 7 + HOUR, atMs: at(190) };
    const plan = planned([snapshotAt('a', 10, 0), snapshotAt('c', 500, 131)], { kind: 'latest' }, cut);
    assert.deepEqual(plan.slices, [{ timelineId: idOf('c', 7), from: 500, to: 7 + HOUR }]);
    assert.deepEqual(plan.lost, { fromMs: at(190), toMs: at(190), logBytes: 0 });
  });

  it('says what is lost by going back: the log behind the cut, in all later timelines', () => {
    const cut = { timelineId: idOf('b', HOUR), offset: HOUR + 100, atMs: at(60) + 100 };
    const { lost } = planned([snapshotAt('a', 10, 0)], { kind: 'time', atMs: at(60) + 150 }, cut);
    assert.deepEqual(lost, { fromMs: at(60) + 100, toMs: at(190), logBytes: HOUR - 100 + HOUR });
  });

  it('never steps over a gap: it names the moments before and after it', () => {
    const snapshots = [snapshotAt('a', 10, 0), snapshotAt('c', 5 * MINUTE, 135)];
    const inTheGap = refused(snapshots, { kind: 'time', atMs: at(125) });
    assert.deepEqual(inTheGap.gap, { fromMs: at(120), toMs: at(130) });
    assert.deepEqual(inTheGap.before, { atMs: at(120) });
    assert.deepEqual(inTheGap.after, { atMs: at(135), backupId: backupIdAt(at(135)) });
    const behindTheGap = refused(snapshots, offset('c', 7, 100), { timelineId: idOf('c', 7), offset: 100, atMs: at(131) });
    assert.deepEqual([behindTheGap.gap, behindTheGap.before?.atMs], [{ fromMs: at(120), toMs: at(130) }, at(120)]);
    const error = refusalError('main', behindTheGap);
    assert.equal(error.code, 'ARCHIVE_GAP');
    assert.match(
      error.message,
      /no snapshot lies between 2026-08-01 14:10:00 UTC and 2026-08-01 14:11:00 UTC.* gap since .*14:00:00/,
    );
    assert.match(
      error.next,
      /2026-08-01 14:00:00 UTC, or the first after it, .*14:15:00 UTC \(snapshot 20260801T141500Z alone\)/,
    );
  });

  it('names the base that cannot be used, and types the command of the nearest moments', () => {
    const snapshots = [snapshotAt('a', 10, 0), snapshotAt('c', 5 * MINUTE, 155)];
    const unusable = [131, 170].map((minute) => unusableBackup(backupIdAt(at(minute)), 'its object has 0 bytes'));
    const cut = { timelineId: idOf('c', 7), offset: 100, atMs: at(140) };
    const decision = planArchive({ extents: ALL, snapshots, unusable }, offset('c', 7, 100), cut);
    assert.ok('refusal' in decision);
    const error = refusalError('main', decision.refusal, {
      until: (moment) => `redis-backup restore main --until ${moment}`,
      backup: (id) => `redis-backup restore main ${id}`,
    });
    assert.match(
      error.message,
      /no snapshot that can be used lies between .* gap since .*; backup 20260801T141100Z, taken .*, cannot be used: its object has 0 bytes$/,
    );
    assert.match(error.next, /before it, .*: `redis-backup restore main --until 2026-08-01T14:00:00.000Z`, or the first/);
    assert.match(error.next, /: `redis-backup restore main 20260801T143500Z`\.$/);
  });

  it('refuses a moment before and behind all that is archived', () => {
    const snapshots = [snapshotAt('a', 10, 0), snapshotAt('c', 500, 131)];
    assert.match(refused(snapshots, { kind: 'time', atMs: at(-5) }).why, /begins at 2026-08-01 12:00:00/);
    const { why, before, after } = refused(snapshots, { kind: 'time', atMs: at(300) });
    assert.match(why, /ends at 2026-08-01 15:10:00/);
    assert.deepEqual([before, after], [{ atMs: at(190) }, undefined]);
    assert.match(refused([], { kind: 'latest' }, undefined, []).why, /nothing is archived/);
  });

  it('takes a fail-over for no gap, though nothing came for a while', () => {
    const quiet = extent({
      name: 'b',
      from: HOUR,
      end: 2 * HOUR,
      minute: 90,
      reason: 'continued',
      parent: { name: 'a', first: 0, end: HOUR, gap: false },
    });
    const cut = { timelineId: idOf('a', 0), offset: HOUR, atMs: at(60) };
    assert.equal(planned([snapshotAt('a', 10, 0)], { kind: 'time', atMs: at(75) }, cut, [a, quiet]).cut.offset, HOUR);
  });

  it('does not cross from a parent whose end retention has taken, or that does not reach so far', () => {
    const cut = { timelineId: idOf('b', HOUR), offset: HOUR + 100, atMs: at(60) };
    const shorter = { ...a, stretches: a.stretches.map((stretch) => ({ ...stretch, end: HOUR - 1 })) };
    const snapshots = [snapshotAt('a', 10, 0)];
    assert.ok(refused(snapshots, offset('b', HOUR, HOUR + 100), cut, [shorter, b]));
    assert.ok(refused(snapshots, offset('b', HOUR, HOUR + 100), cut, [{ ...a, stretches: [] }, b]));
    assert.ok(planned(snapshots, offset('b', HOUR, HOUR + 100), cut, [a, b]));
  });
});
