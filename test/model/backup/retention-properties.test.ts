import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { takesPlaceOf } from '../../../model/backup/retention.ts';
import { DAY, HOUR, ids, kept, NOW, plan, snapshot } from '../../fixtures/retention.ts';
import { always } from '../../support/always.ts';

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
