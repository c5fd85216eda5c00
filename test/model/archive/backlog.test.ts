import assert from 'node:assert/strict';
import { replicaBufferBytes } from '../../../model/archive/backlog.ts';

const MB = 1024 * 1024;

describe('what Redis collects for a replica', () => {
  it('is its hard limit, or the soft one that a pause outlasts, and never less than the backlog', () => {
    const of = (limit: string, backlog = 1) => replicaBufferBytes(`normal 0 0 0 slave ${limit} pubsub 1 1 1`, backlog).hardBytes;
    assert.equal(of(`${256 * MB} ${64 * MB} 60`), 256 * MB);
    assert.equal(of(`${256 * MB} ${64 * MB} 5`), 64 * MB);
    assert.equal(of(`0 ${64 * MB} 5`), 64 * MB);
    assert.equal(of(`${MB} ${MB} 0`, 16 * MB), 16 * MB);
    assert.equal(of('0 0 0'), 0, 'no limit');
  });
});
