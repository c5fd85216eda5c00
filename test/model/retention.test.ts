import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { backupIdAt } from '../../model/instance.ts';
import { planRetention, type RetentionCandidate, type RetentionPolicy, takesPlaceOf } from '../../model/retention.ts';
import { always } from '../support/always.ts';

const NOW = Date.parse('2026-08-01T12:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const snapshot = (hoursAgo: number, keys = 1_000_000, more: Partial<RetentionCandidate> = {}): RetentionCandidate => ({
  backupId: backupIdAt(NOW - hoursAgo * HOUR),
  takenAtMs: NOW - hoursAgo * HOUR,
  reason: 'scheduled',
  keys,
  parsed: true,
  rdbBytes: 100 + keys * 100,
  ...more,
});

const plan = (
  all: readonly RetentionCandidate[],
  policy: Partial<RetentionPolicy> = {},
  pins: { backupId: string; untilMs: number }[] = [],
  nowMs = NOW,
) => planRetention(all, { keepLast: 3, keepWithinMs: 0, ...policy }, { nowMs, pins });
const kept = (result: ReturnType<typeof plan>): string[] => result.keep.map(({ backupId }) => backupId);
const ids = (all: readonly RetentionCandidate[]): string[] => all.map(({ backupId }) => backupId);

const every6h = (count: number, from = 0, keys = 1_000_000): RetentionCandidate[] =>
  Array.from({ length: count }, (_, i) => snapshot(from + i * 6, keys)).reverse();

describe('retention', () => {
  it('keeps the last so many and all that are young enough, and says why', () => {
    const all = every6h(10);
    assert.deepEqual(kept(plan(all)), ids(all.slice(-3)));
    assert.deepEqual(kept(plan(all, { keepWithinMs: DAY })), ids(all.slice(-5)));
    const { keep, remove } = plan(all, { keepWithinMs: DAY });
    assert.deepEqual(keep.at(-1)?.because, ['one of the last 3', 'within 1 d 00 h of the newest']);
    assert.deepEqual(remove[0], { backupId: all[0]?.backupId, because: '2 d 06 h old, 9 newer backups' });
  });

  it('keeps the newest of each day, week and month', () => {
    const all = every6h(4 * 70);
    const daily = kept(plan(all, { keepLast: 1, keepDaily: 3 }));
    assert.deepEqual(daily, ['20260730T180000Z', '20260731T180000Z', '20260801T120000Z']);
    assert.deepEqual(kept(plan(all, { keepLast: 1, keepWeekly: 3 })), [
      '20260719T180000Z',
      '20260726T180000Z',
      '20260801T120000Z',
    ]);
    assert.deepEqual(kept(plan(all, { keepLast: 1, keepMonthly: 2 })), ['20260731T180000Z', '20260801T120000Z']);
  });

  it('never removes the last good one, however old it is', () => {
    assert.deepEqual(kept(plan([snapshot(24 * 365)], { keepLast: 0, keepWithinMs: 0 })), [snapshot(24 * 365).backupId]);
  });

  it('never lets snapshots of a Redis that crashed to empty push out the good ones', () => {
    const good = every6h(3, 100 * 6);
    const empty = every6h(100, 0, 0);
    const result = plan([...good, ...empty], { keepWithinMs: DAY });
    assert.deepEqual(kept(result).slice(0, 3), ids(good));
    assert.deepEqual(result.keep[0]?.because, [
      'one of the last 3: 100 newer ones hold less than a tenth of it',
      'within 1 d 00 h of the newest',
    ]);
    assert.equal(result.remove.length, 95);
  });

  it('nor snapshots with a handful of keys that came after the crash', () => {
    const good = every6h(3, 100 * 6);
    assert.deepEqual(kept(plan([...good, ...every6h(100, 0, 99_999)])).slice(0, 3), ids(good));
    assert.equal(kept(plan([...good, ...every6h(100, 0, 100_000)])).length, 3);
  });

  it('lets backups go again once Redis is filled as before', () => {
    const all = [...every6h(3, 600), ...every6h(5, 60, 0), ...every6h(5)];
    assert.deepEqual(kept(plan(all)), ids(all.slice(-3)));
  });

  it('counts an empty Redis as good while it has always been empty', () => {
    const all = every6h(10, 0, 0);
    assert.deepEqual(kept(plan(all)), ids(all.slice(-3)));
  });

  it('judges a snapshot whose keys could not be counted by its bytes', () => {
    const uncounted = [2, 1, 0].map((hours) => snapshot(hours, 7, { parsed: false, rdbBytes: 100_000_000 }));
    assert.deepEqual(kept(plan([snapshot(3), ...uncounted])), ids(uncounted));
    const crashed = every6h(50, 0, 5);
    const before = every6h(3, 50 * 6).map((one) => ({ ...one, keys: 0, parsed: false }));
    assert.deepEqual(kept(plan([...before, ...crashed])).slice(0, 3), ids(before));
  });

  it('leaves alone what a plan has pinned, until the pin ends', () => {
    const all = every6h(10);
    const [oldest] = all;
    assert.ok(oldest);
    const pin = { backupId: oldest.backupId, untilMs: NOW + 1, reason: 'restore/main' };
    assert.deepEqual(plan(all, {}, [pin]).keep[0], {
      backupId: oldest.backupId,
      because: ['pinned until 2026-08-01 12:00 UTC: restore/main'],
    });
    assert.equal(kept(plan(all, {}, [{ ...pin, untilMs: NOW }])).includes(oldest.backupId), false);
  });

  it('keeps safety snapshots by age alone, at least a day, and lets them take no place of others', () => {
    const all = [...every6h(3, 30), snapshot(25, 5, { reason: 'safety' }), snapshot(23, 5, { reason: 'safety' })];
    assert.deepEqual(plan(all).remove, [{ backupId: snapshot(25).backupId, because: 'safety snapshot, 1 d 01 h old' }]);
  });

  it('keeps a safety snapshot that is the only backup with data', () => {
    const only = snapshot(500, 1_000_000, { reason: 'safety' });
    const result = plan([only, ...every6h(5, 0, 0)]);
    assert.deepEqual(result.keep[0], { backupId: only.backupId, because: ['no other backup holds that much'] });
  });

  it('does not remove backups because of a rule that is no number', () => {
    for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY, '7' as unknown as number]) {
      assert.throws(() => plan(every6h(5), { keepWithinMs: wrong }), /retention rule keepWithinMs/);
    }
  });
});

const aCandidate = fc.record({
  minutesAgo: fc.nat(60 * 24 * 90),
  keys: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(2_000_000)),
  parsed: fc.boolean(),
  safety: fc.nat(9),
  rdbBytes: fc.integer({ min: 100, max: 1e9 }),
});
const someSnapshots = fc
  .uniqueArray(aCandidate, { selector: ({ minutesAgo }) => minutesAgo, maxLength: 40 })
  .map((all) =>
    all.map(({ minutesAgo, keys, parsed, safety, rdbBytes }) =>
      snapshot(minutesAgo / 60, keys, { parsed, rdbBytes, reason: safety === 0 ? 'safety' : 'scheduled' }),
    ),
  );
const aPolicy = fc.record({
  keepLast: fc.nat(6),
  keepWithinMs: fc.nat(20 * DAY),
  keepDaily: fc.option(fc.nat(5), { nil: undefined }),
  keepWeekly: fc.option(fc.nat(5), { nil: undefined }),
  keepMonthly: fc.option(fc.nat(5), { nil: undefined }),
});

describe('retention, for any snapshots and any policy', () => {
  it('names every snapshot once, with a reason', () => {
    always(
      fc.property(someSnapshots, aPolicy, (all, policy) => {
        const { keep, remove } = plan(all, policy);
        assert.deepEqual([...keep, ...remove].map(({ backupId }) => backupId).sort(), ids(all).sort());
        assert.ok(keep.every(({ because }) => because.length > 0) && remove.every(({ because }) => because.length > 0));
      }),
    );
  });

  it('removes nothing when it is planned again after it was carried out', () => {
    always(
      fc.property(someSnapshots, aPolicy, (all, policy) => {
        const first = new Set(kept(plan(all, policy)));
        assert.deepEqual(
          plan(
            all.filter(({ backupId }) => first.has(backupId)),
            policy,
          ).remove,
          [],
        );
      }),
    );
  });

  it('keeps a whole backup for every snapshot that goes: a newer one that can take its place', () => {
    always(
      fc.property(someSnapshots, aPolicy, (all, policy) => {
        const { remove } = plan(all, policy);
        const gone = new Set(remove.map(({ backupId }) => backupId));
        for (const one of all.filter(({ backupId, reason }) => gone.has(backupId) && reason !== 'safety')) {
          const newer = all.filter(({ takenAtMs, reason }) => reason !== 'safety' && takenAtMs > one.takenAtMs);
          assert.ok(newer.some((other) => takesPlaceOf(other, one)));
        }
      }),
    );
  });

  it('keeps the newest snapshot, and whatever nothing newer can take the place of', () => {
    always(
      fc.property(someSnapshots, aPolicy, (all, policy) => {
        const regular = all.filter(({ reason }) => reason !== 'safety').sort((a, b) => a.takenAtMs - b.takenAtMs);
        const stays = kept(plan(all, policy));
        regular.forEach((one, i) => {
          if (!regular.slice(i + 1).some((newer) => takesPlaceOf(newer, one))) assert.ok(stays.includes(one.backupId));
        });
      }),
    );
  });

  it('keeps the good ones however long a Redis that lost its data is backed up', () => {
    const good = fc.array(fc.record({ keys: fc.integer({ min: 1_000_000, max: 9_000_000 }), parsed: fc.boolean() }), {
      minLength: 1,
      maxLength: 12,
    });
    const bad = fc.array(fc.nat(90_000), { maxLength: 40 });
    always(
      fc.property(good, bad, aPolicy, fc.nat(400), (before, after, policy, days) => {
        const goods = before.map(({ keys, parsed }, i) =>
          snapshot(1000 - i, parsed ? keys : 3, { parsed, rdbBytes: keys * 100 }),
        );
        const all = [...goods, ...after.map((keys, i) => snapshot(900 - i, keys, { rdbBytes: 100 + keys * 100 }))];
        const stays = kept(plan(all, policy, [], NOW + days * DAY));
        const expected = goods.slice(-Math.max(1, policy.keepLast));
        assert.ok(expected.every(({ backupId }) => stays.includes(backupId)));
      }),
    );
  });

  it('keeps more under a wider policy', () => {
    always(
      fc.property(someSnapshots, aPolicy, aPolicy, (all, policy, more) => {
        const wider = {
          keepLast: policy.keepLast + more.keepLast,
          keepWithinMs: policy.keepWithinMs + more.keepWithinMs,
          keepDaily: (policy.keepDaily ?? 0) + (more.keepDaily ?? 0),
          keepWeekly: (policy.keepWeekly ?? 0) + (more.keepWeekly ?? 0),
          keepMonthly: (policy.keepMonthly ?? 0) + (more.keepMonthly ?? 0),
        };
        const regular = all.filter(({ reason }) => reason !== 'safety');
        const stays = new Set(kept(plan(regular, wider)));
        assert.ok(kept(plan(regular, policy)).every((backupId) => stays.has(backupId)));
      }),
    );
  });

  it('never wants back what it once gave up, whatever comes later', () => {
    always(
      fc.property(someSnapshots, aPolicy, fc.nat(30 * 24), fc.nat(2_000_000), (all, policy, hours, keys) => {
        const regular = all.filter(({ reason }) => reason !== 'safety');
        const gone = plan(regular, policy).remove.map(({ backupId }) => backupId);
        const later = kept(plan([...regular, snapshot(-hours, keys)], policy, [], NOW + hours * HOUR));
        assert.ok(gone.every((backupId) => !later.includes(backupId)));
      }),
    );
  });

  it('leaves alone every pinned snapshot', () => {
    always(
      fc.property(someSnapshots, aPolicy, (all, policy) => {
        const pins = all.map(({ backupId }) => ({ backupId, untilMs: NOW + DAY }));
        assert.deepEqual(plan(all, policy, pins).remove, []);
      }),
    );
  });
});
