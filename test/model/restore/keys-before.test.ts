import assert from 'node:assert/strict';
import { missingAfterRestart } from '../../../model/restore/keys-before.ts';

describe('A Redis that was stopped and started again', () => {
  const db = (keys: number, expires = 0, number = 0) => ({ db: number, keys, expires });

  it('lacks what it had when it comes back empty, or without one database', () => {
    assert.equal(missingAfterRestart([db(51)], []), 'it has 0 keys, and had 51 keys right before it was stopped');
    assert.match(missingAfterRestart([db(1)], []) ?? '', /has 0 keys, and had 1 key /);
    assert.match(missingAfterRestart([db(90), db(10, 0, 3)], [db(90)]) ?? '', /has 90 keys, and had 100/);
  });

  it('lacks what it had when more keys are gone than can have expired in a moment', () => {
    assert.match(missingAfterRestart([db(6_000, 6_000)], [db(100, 100)]) ?? '', /has 100 keys, and had 6,000/);
  });

  it('lacks nothing when its clients have deleted a few, or keys with a time to live are gone', () => {
    assert.equal(missingAfterRestart([db(1_000)], [db(950)]), undefined);
    assert.equal(missingAfterRestart([db(1_000, 300)], [db(700)]), undefined);
    assert.equal(missingAfterRestart([db(5, 5)], []), undefined);
    assert.equal(missingAfterRestart([], []), undefined);
  });
});
