import assert from 'node:assert/strict';
import { isOverdue, missedBefore, missedRuns } from '../../../model/backup/scheduled-runs.ts';

const HOUR = 3_600_000;
const missed = (hours: number[], now: number, since = 0): number =>
  missedRuns(
    hours.map((hour) => hour * HOUR),
    { everyMs: HOUR, nowMs: now * HOUR, sinceMs: since * HOUR },
  );

describe('the runs of a schedule', () => {
  it('are missed where none began between two, or since the last', () => {
    assert.equal(missed([1, 2, 3], 3.4), 0);
    assert.equal(missed([1, 2, 5, 6], 6.1), 2);
    assert.equal(missed([1, 2], 5.6), 3);
    assert.equal(missed([1, 2.4, 3], 4.4), 0, 'late is not missed, and the next one may be about to begin');
    assert.equal(missed([], 50), 0, 'nothing is known');
    assert.equal(missed([1, 8], 8, 6), 2, 'what was before the time that is looked at does not count');
  });

  it('are missed before the first that is remembered, where fewer began than there were times', () => {
    const of = (first: number, begun: number) => missedBefore(first * HOUR, begun, { everyMs: HOUR, sinceMs: 0 });
    assert.equal(of(14, 14), 0);
    assert.equal(of(14.9, 14), 0, 'the time that is looked at begins between two');
    assert.equal(of(14, 9), 5);
    assert.equal(of(3, 5), 0, 'somebody has started some by hand');
  });

  it('hang when they are older than the others got, and not by a minute', () => {
    assert.equal(isOverdue(60_000, [1_000, 2_000]), false);
    assert.equal(isOverdue(121_000, [1_000, 2_000]), true);
    assert.equal(isOverdue(2 * HOUR, [HOUR]), false);
    assert.equal(isOverdue(0.9 * HOUR, []), false);
    assert.equal(isOverdue(1.1 * HOUR, []), true);
  });
});
