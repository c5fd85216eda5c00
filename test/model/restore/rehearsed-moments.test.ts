import assert from 'node:assert/strict';
import type { DatabaseKeys } from '../../../model/restore/rehearsal.ts';
import { heaviest, manyOf, takenBetween } from '../../../model/restore/rehearsed-moments.ts';

const db = (number: number, sessions: number, other = 0): DatabaseKeys => ({
  db: number,
  keys: sessions + other,
  classes: [
    { name: 'sessions', keys: sessions },
    { name: 'other', keys: other },
  ],
});

describe('What a moment of the log took', () => {
  it('is counted by class, in the databases that lost some', () => {
    assert.deepEqual(takenBetween([db(0, 200, 5), db(3, 7)], [db(0, 20, 5), db(3, 9)]), {
      db: 0,
      keysBefore: 205,
      keysAfter: 25,
      took: [{ name: 'sessions', keys: 180 }],
    });
  });

  it('is the whole of a database that has gone, and names the one that lost most', () => {
    const taken = takenBetween([db(0, 10), db(1, 200)], []);
    assert.deepEqual([taken?.db, taken?.keysBefore, taken?.keysAfter], [1, 210, 0]);
    assert.deepEqual(taken?.took, [{ name: 'sessions', keys: 210 }]);
  });

  it('is not made up for by what came in its place: a swap, a rename', () => {
    assert.deepEqual(takenBetween([db(0, 200), db(7, 50)], [db(0, 50), db(7, 200)])?.took, [{ name: 'sessions', keys: 150 }]);
    assert.deepEqual(takenBetween([db(0, 1_200, 1_020)], [db(0, 0, 2_220)]), {
      db: 0,
      keysBefore: 2_220,
      keysAfter: 1_020,
      took: [{ name: 'sessions', keys: 1_200 }],
      wrote: 1_200,
    });
  });

  it('is no moment below a tenth of what was there, below one, and in any case from a thousand on', () => {
    assert.equal(takenBetween([db(0, 200)], [db(0, 181)]), undefined);
    assert.ok(takenBetween([db(0, 200)], [db(0, 180)]));
    assert.equal(takenBetween([db(0, 200)], [db(0, 300)]), undefined);
    assert.equal(takenBetween([], [db(0, 1)]), undefined);
    assert.ok(takenBetween([db(0, 1_000_000)], [db(0, 999_000)]));
    assert.deepEqual([manyOf(0), manyOf(9), manyOf(200), manyOf(10_000_000)], [1, 1, 20, 1_000]);
  });
});

describe('The moments that are told', () => {
  const moment = (at: number, took: number) => ({ at, took });
  const told = (moments: { at: number; took: number }[], most: number) =>
    heaviest(moments, ({ took }) => took, most).map(({ at }) => at);

  it('are those that took most, in their order', () => {
    assert.deepEqual(told([moment(1, 5), moment(2, 50), moment(3, 1), moment(4, 7)], 2), [2, 4]);
  });

  it('are of equals the newest', () => {
    const alike = Array.from({ length: 25 }, (_, at) => moment(at, 10));
    assert.deepEqual(told(alike, 3), [22, 23, 24]);
    const unknown = alike.map(({ at }) => moment(at, Number.POSITIVE_INFINITY));
    assert.deepEqual(told(unknown, 3), [22, 23, 24]);
  });
});
