import assert from 'node:assert/strict';
import { FAILURE_CLASSES, type FailureClass } from '../../../model/recovery/failure-classes.ts';
import type { Assessment, RecoveryReport } from '../../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../../model/recovery/runbook.ts';
import { assessmentText, runbookText, summaryOf } from '../../../model/recovery/text.ts';

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

describe('What changed before a failure', () => {
  const sentences = ['At 10:00 redis.conf was changed.', 'At 10:01 its process ended.'];

  it('is read as sentences in a dry run, and with a stroke between them on the page, which has no stops', () => {
    const none = { evidence: [], actions: [], advice: [] };
    const dry = { instance: 'main', failure: 'dead', ...none, clients: '', worstLoss: '', changed: sentences };
    assert.match(
      assessmentText(dry as unknown as Assessment),
      /changed: At 10:00 redis.conf was changed\. At 10:01 its process ended\.$/m,
    );
    const page = { instance: 'main', startedAt: '', clients: '', now: '', worstLoss: '', applications: [], steps: [], notes: [] };
    const changed = sentences.map((one) => one.slice(0, -1));
    assert.match(
      runbookText({ ...page, changed } as unknown as RunbookStatus),
      /^changed {4}At 10:00 redis.conf was changed; At 10:01 its process ended$/m,
    );
  });
});
