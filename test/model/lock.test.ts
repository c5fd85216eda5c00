import assert from 'node:assert/strict';
import { conflictOf } from '../../model/lock.ts';

describe('Who comes to a locked instance', () => {
  it('joins the recovery of the same Redis, and waits for that of another one', () => {
    assert.equal(conflictOf({ kind: 'recovery', shard: '1' }, { kind: 'recovery', shard: '1' }), 'join');
    assert.equal(conflictOf({ kind: 'recovery', shard: '1' }, { kind: 'recovery', shard: '0' }), 'wait');
  });

  it('is refused or preferred by its kind alone, whichever Redis it is about', () => {
    assert.equal(conflictOf({ kind: 'restore', shard: '1' }, { kind: 'restore', shard: '0' }), 'refuse');
    assert.equal(conflictOf({ kind: 'recovery', shard: '1' }, { kind: 'backup' }), 'preempt');
  });
});
