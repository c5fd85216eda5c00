import assert from 'node:assert/strict';
import { backupsInOrder, clockDoubt, isFuture, provenAtMs, takenAtMs } from '../../../model/backup/backup-time.ts';
import { latestBackup } from '../../../model/backup/latest.ts';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { planRetention, toCandidate } from '../../../model/backup/retention.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';

const NOW = Date.parse('2026-08-01T12:00:00Z');
const HOUR = 3_600_000;
const DAYS_60 = 60 * 24 * HOUR;

interface Sketch {
  /** Hours before now, as the clock of the worker said. */
  hours: number;
  storeOffsetMs?: number;
  replid?: string;
  offset?: number;
  keys?: number;
}

const backup = (backupId: string, { hours, storeOffsetMs, replid = '', offset = 0, keys = 1000 }: Sketch): SnapshotManifest => {
  const sample = sampleManifest();
  const takenAt = new Date(NOW - hours * HOUR).toISOString();
  const times = { takenAt, clockOffsetMs: 0, finishedAt: takenAt, ...(storeOffsetMs === undefined ? {} : { storeOffsetMs }) };
  return { ...sample, backupId, times, replication: { replid, offset }, rdb: { ...sample.rdb, keys } };
};
const ids = (all: readonly SnapshotManifest[]) => all.map(({ backupId }) => backupId);
const ahead = -60 * 24; // hours

describe('the time of a backup', () => {
  it('is that of the store where the clock of the worker was another one, and its age the older of both', () => {
    const early = backup('a', { hours: ahead + 5, storeOffsetMs: -DAYS_60 });
    assert.deepEqual([takenAtMs(early), provenAtMs(early)], [NOW - 5 * HOUR, NOW - 5 * HOUR]);
    const late = backup('b', { hours: 48, storeOffsetMs: 24 * HOUR });
    assert.deepEqual([takenAtMs(late), provenAtMs(late)], [NOW - 24 * HOUR, NOW - 48 * HOUR]);
    const usual = backup('c', { hours: 1, storeOffsetMs: -90_000 });
    assert.deepEqual([takenAtMs(usual), clockDoubt(usual, NOW)], [NOW - HOUR, undefined]);
    assert.match(
      clockDoubt(early, NOW) ?? '',
      /^backup a was taken with a clock that was 60 d 00 h ahead of that of the store, by/,
    );
    assert.equal(isFuture(early, NOW), false);
  });

  it('says that the clock of its Redis was another one, and what that means for its keys', () => {
    const days30 = 30 * 24 * HOUR;
    const of = (clockOffsetMs: number) => {
      const one = backup('a', { hours: 1 });
      return { ...one, times: { ...one.times, clockOffsetMs } };
    };
    assert.match(
      clockDoubt(of(days30), NOW) ?? '',
      /^backup a is of a Redis whose clock was 30 d 00 h ahead of the worker's: keys/,
    );
    assert.match(
      clockDoubt(of(-days30), NOW) ?? '',
      /30 d 00 h behind the worker's: keys that had a time to live have lived longer/,
    );
    assert.equal(clockDoubt(of(60_000), NOW), undefined);
  });

  it('is not known where it lies in the future and the store says nothing else', () => {
    const one = backup('a', { hours: ahead });
    assert.equal(isFuture(one, NOW), true);
    assert.match(clockDoubt(one, NOW) ?? '', /^backup a is dated 2026-09-30 12:00 UTC, which is in the future/);
    assert.equal(isFuture(backup('b', { hours: -0.05 }), NOW), false, 'three minutes are no other clock');
  });

  it('goes by the offset within one history, whatever the dates say', () => {
    const all = [
      backup('wrong', { hours: ahead, replid: 'x', offset: 100 }),
      backup('second', { hours: 5, replid: 'x', offset: 200 }),
      backup('third', { hours: 4, replid: 'x', offset: 300 }),
      backup('other', { hours: 4.5, replid: 'y', offset: 5 }),
    ];
    assert.deepEqual(ids(backupsInOrder(all, NOW)), ['wrong', 'second', 'other', 'third']);
    const ofReplica = [backup('behind', { hours: 1, replid: 'x', offset: 50 }), ...all];
    assert.deepEqual(ids(backupsInOrder(ofReplica, NOW)), ['behind', 'wrong', 'other', 'second', 'third']);
  });

  it('never makes one the latest that was taken with a clock two months ahead', () => {
    const real = [backup('real 1', { hours: 10 }), backup('real 2', { hours: 4 })];
    for (const wrong of [
      backup('witness', { hours: ahead + 11, storeOffsetMs: -DAYS_60 }),
      backup('no witness', { hours: ahead }),
      backup('larger, no witness', { hours: ahead, keys: 900_000 }),
    ])
      assert.equal(latestBackup([...real, wrong], NOW)?.backupId, 'real 2');
    const alone = backup('alone', { hours: ahead });
    assert.equal(latestBackup([alone], NOW)?.backupId, 'alone', 'better than nothing, and its date is named');
    const proven = [
      backup('before', { hours: 4, replid: 'x', offset: 10 }),
      backup('after', { hours: ahead, replid: 'x', offset: 20 }),
    ];
    assert.equal(latestBackup(proven, NOW)?.backupId, 'after', 'its offset proves it');
  });

  it('is no reason for retention to delete a real one, nor to keep nothing else', () => {
    const real = [30, 20, 10, 4].map((hours) => backup(`real ${hours}`, { hours }));
    const policy = { keepLast: 2, keepWithinMs: HOUR };
    const planned = (wrong: SnapshotManifest) =>
      planRetention([...real, wrong].map(toCandidate), policy, { nowMs: NOW, pins: [] });
    const undated = planned(backup('undated', { hours: ahead }));
    assert.deepEqual(
      undated.keep.map(({ backupId }) => backupId),
      ['real 10', 'real 4', 'undated'],
    );
    assert.match(undated.keep[2]?.because[0] ?? '', /in the future: when it was taken is not known/);
    const dated = planned(backup('dated', { hours: ahead + 40, storeOffsetMs: -DAYS_60 }));
    assert.deepEqual(
      dated.keep.map(({ backupId }) => backupId),
      ['real 10', 'real 4'],
    );
  });
});
