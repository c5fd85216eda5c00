import assert from 'node:assert/strict';
import { restorableOf, restorableText } from '../../../model/restore/restorable.ts';
import { FAILED_OVER, HOUR, MINUTE, NOON, snapshotAt } from '../../fixtures/archive.ts';

const { a, b, c } = FAILED_OVER;
const LATER = NOON + 24 * HOUR;
const minutes = (periods: { fromMs: number; toMs: number }[]) =>
  periods.map(({ fromMs, toMs }) => [(fromMs - NOON) / MINUTE, (toMs - NOON) / MINUTE]);
const text = (...args: Parameters<typeof restorableOf>) => restorableText(restorableOf(...args));

describe('From when to when can be restored', () => {
  it('begins with the first backup that the log goes on from, and not with the log', () => {
    const { periods, aloneMs } = restorableOf(
      { extents: [a, b] },
      [snapshotAt('a', 10 * MINUTE, 10), snapshotAt('b', 90 * MINUTE, 90)],
      LATER,
    );
    assert.deepEqual(minutes(periods), [[10, 120]]);
    assert.deepEqual(aloneMs, []);
  });

  it('has a hole where the log has a gap, until the next backup behind it', () => {
    const snapshots = [snapshotAt('a', 10 * MINUTE, 10), snapshotAt('c', 7 + 20 * MINUTE, 150)];
    assert.deepEqual(minutes(restorableOf({ extents: [c, a, b] }, snapshots, LATER).periods), [
      [10, 120],
      [150, 190],
    ]);
    assert.equal(
      text({ extents: [c, a, b] }, snapshots, LATER),
      'can be restored: any moment from 2026-08-01 14:30:00 UTC until 2026-08-01 15:10:00 UTC, and 1 older period',
    );
  });

  it('is the moments of the backups where there is no log of theirs', () => {
    const old = snapshotAt('z', 5, -60);
    assert.equal(text({ extents: [] }, [old], LATER), 'can be restored: only the moment of 1 backup, 2026-08-01 11:00:00 UTC');
    assert.equal(
      text({ extents: [a] }, [old, snapshotAt('a', 10 * MINUTE, 10)], LATER),
      'can be restored: any moment from 2026-08-01 12:10:00 UTC until 2026-08-01 13:00:00 UTC, and the moment of 1 backup, 2026-08-01 11:00:00 UTC',
    );
    assert.equal(text({ extents: [a] }, [], LATER), undefined);
  });

  it('leaves out a backup whose date lies in the future', () => {
    assert.equal(text({ extents: [] }, [snapshotAt('z', 5, 60)], NOON), undefined);
  });
});
