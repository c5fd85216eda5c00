import assert from 'node:assert/strict';
import { FAILURE_CLASSES, type FailureClass } from '../../../model/recovery/failure-classes.ts';
import type { RecoveryReport } from '../../../model/recovery/recovery.ts';
import { summaryOf } from '../../../model/recovery/text.ts';

describe('The summary of a recovery', () => {
  const summary = (failure: FailureClass) =>
    summaryOf({ instance: 'main', failure, outcome: 'serving', toDo: [] } as unknown as RecoveryReport);

  it('says what was found, of every class but one: that nothing was wrong', () => {
    const silent = (Object.keys(FAILURE_CLASSES) as FailureClass[]).filter((failure) => !summary(failure).includes('Found: '));
    assert.deepEqual(silent, ['healthy']);
    assert.equal(summary('healthy'), 'main serves. Nothing is left to do.');
    assert.match(summary('loading'), /^main serves\. Found: Redis is loading its data\./);
  });
});
