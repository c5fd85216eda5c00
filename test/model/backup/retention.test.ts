import assert from 'node:assert/strict';
import { emptyClassCensus } from '../../../model/backup/census.ts';
import { DAY, every6h, ids, kept, NOW, plan, snapshot } from '../../fixtures/retention.ts';

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

  it('never lets snapshots that have lost a data class push out those that have it', () => {
    const class_ = (name: string, keys: number, more = {}) => ({ ...emptyClassCensus(name), keys, persistent: keys, ...more });
    const of = (sessions: object, cache: number) => [
      { ...class_('sessions', 0), ...sessions },
      class_('apiCache', cache),
      class_('other', 0),
    ];
    const full = snapshot(48, 1_360, { classes: of(class_('sessions', 1_000), 360) });
    const cacheOnly = every6h(6, 0, 360).map((one) => ({ ...one, classes: of({}, 360) }));
    const { keep } = plan([full, ...cacheOnly]);
    assert.equal(keep[0]?.backupId, full.backupId);
    assert.match(keep[0]?.because[0] ?? '', /6 newer ones hold less than a tenth of it, or of its sessions/);
    // Those that have lived out their time are no loss, nor is a handful, nor a class that is no longer configured.
    const expired = { keys: 1_000, persistent: 0, ttl: [1_000, ...emptyClassCensus('sessions').ttl.slice(1)] };
    for (const classes of [of(expired, 360), of(class_('sessions', 9), 360), [class_('gone', 1_000), ...of({}, 360)]])
      assert.notEqual(plan([{ ...full, classes }, ...cacheOnly]).keep[0]?.backupId, full.backupId);
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
