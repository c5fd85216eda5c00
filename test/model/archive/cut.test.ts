import assert from 'node:assert/strict';
import { cutIn } from '../../../model/archive/cut.ts';

const BETWEEN = { db: 0, inTransaction: false };
const INSIDE = { db: 0, inTransaction: true };
const WITHIN = { ...BETWEEN, within: { line: '*2', read: 9, argCount: 3, argsLeft: -1, bulkLeft: -1, args: [] } };

const header = {
  start: 100,
  end: 200,
  startState: BETWEEN,
  endState: BETWEEN,
  firstAtMs: 1000,
  lastAtMs: 2000,
  marks: [
    [120, 1200],
    [150, 1500],
    [160, 1500],
  ] as [number, number][],
};

describe('the cut within a segment', () => {
  it('is the last mark whose byte had come by then', () => {
    assert.deepEqual(cutIn(header, 1499), { offset: 120, atMs: 1200 });
    assert.deepEqual(cutIn(header, 1500), { offset: 160, atMs: 1500 });
  });

  it('is one of its ends only if that is a boundary', () => {
    assert.deepEqual(cutIn(header, 2000), { offset: 200, atMs: 2000 });
    assert.deepEqual(cutIn({ ...header, endState: INSIDE }, 2000), { offset: 160, atMs: 1500 });
    assert.deepEqual(cutIn({ ...header, endState: WITHIN }, 9999), { offset: 160, atMs: 1500 });
    assert.deepEqual(cutIn(header, 1100), { offset: 100, atMs: 1000 });
    assert.equal(cutIn({ ...header, startState: INSIDE }, 1100), undefined);
    assert.equal(cutIn(header, 999), undefined);
  });
});
