import assert from 'node:assert/strict';
import { watchText } from '../../cli/commands/watch.ts';
import { loginName } from '../../cli/who.ts';
import type { WatchStatus } from '../../model/watch/watch.ts';

const status = (over: Partial<WatchStatus>): WatchStatus => ({
  instance: 'main',
  phase: 'watching',
  text: 'Redis serves.',
  recoveries: [],
  ...over,
});
const workflowId = 'watch/main';

describe('watch --status', () => {
  it('does not say that Redis serves beside a look that saw it fail', () => {
    const failing = watchText(status({}), { workflowId, note: 'fails for 5 s: connection refused' });
    assert.equal(failing, 'watch of main: watching\n  seen now: fails for 5 s: connection refused');
    assert.equal(watchText(status({}), { workflowId }), 'watch of main: watching\n  Redis serves.');
  });

  it('has whole commands for yes and no', () => {
    const question = {
      incident: '20260801T104207Z',
      text: 'Redis main has failed. Start its recovery?',
      askedAt: '2026-08-01T10:43:00Z',
    };
    const text = watchText(status({ phase: 'asks', text: question.text, question }), {
      workflowId,
      note: 'fails for 60 s: refused',
    });
    assert.deepEqual(text.split('\n').slice(1), [
      '  Redis main has failed. Start its recovery?',
      '  seen now: fails for 60 s: refused',
      '  yes: redis-backup watch main --approve 20260801T104207Z',
      '  no:  redis-backup watch main --decline 20260801T104207Z',
    ]);
  });
});

describe('Who answers', () => {
  it('is the login name, also where USER is not set and under sudo', () => {
    assert.equal(loginName({ SUDO_USER: 'ann', USER: 'root' }), 'ann');
    assert.match(loginName({}), /^\S+$/);
    assert.notEqual(loginName({}), 'somebody');
  });
});
