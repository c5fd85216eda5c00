import assert from 'node:assert/strict';
import { archiveText, isInTrouble } from '../../cli/commands/archive.ts';

const rpo = { seconds: 12, storedUpTo: '2026-08-01T10:41:55Z', asOf: '2026-08-01T10:42:07Z' };
const known =
  '  known at 2026-08-01 10:42:07 UTC: stored up to 2026-08-01 10:41:55 UTC, 12 s of writes not stored\n' +
  '  lost if it failed now: what was written since 2026-08-01 10:41:55 UTC, and is in no backup';
const workflowId = 'archive/main';

describe('archive --status', () => {
  it('says what would be lost now while somebody follows', () => {
    const now = { workflowId, note: 'stored up to offset 7', rpoSeconds: 1 };
    const text = 'archive of main: follow\n  stored up to offset 7\n  lost if it failed now: 1 s of writes';
    assert.equal(archiveText({ instance: 'main', phase: 'follow', rpo }, now), text);
  });

  it('says what was last known, and when, and from when on all would be lost, where nobody follows', () => {
    const detached = archiveText({ instance: 'main', phase: 'detached', detachedBy: 'ann', rpo }, { workflowId });
    assert.equal(detached, `archive of main: detached for ann; nothing is archived meanwhile\n${known}`);
    const trouble = archiveText({ instance: 'main', phase: 'trouble', trouble: 'refused', rpo }, { workflowId });
    assert.equal(trouble, `archive of main: in trouble, tried again every 15 seconds: refused\n${known}`);
    const silent = { ...rpo, silentSince: '2026-08-01T10:41:55Z' };
    assert.match(
      archiveText({ instance: 'main', phase: 'follow', rpo: silent }, { workflowId }),
      /known at 2026-08-01 10:42:07 UTC: nothing heard from Redis since 2026-08-01 10:41:55 UTC, stored up to .*, 12 s of writes not stored$/m,
    );
    const hole = archiveText(
      { instance: 'main', phase: 'detached', detachedBy: 'ann', rpo: { ...rpo, hole: 'offsets 1 to 2' } },
      { workflowId },
    );
    assert.equal(hole, `${detached}\n  the store had lost a part of the log, and a new base was taken: offsets 1 to 2`);
    const dead = archiveText({ instance: 'main', phase: 'follow', rpo }, { workflowId, note: 'waiting: no worker takes it' });
    assert.equal(dead, `archive of main: follow\n  waiting: no worker takes it\n${known}`);
  });

  it('is no success while it should follow and does not', () => {
    const problem = 'connect ECONNREFUSED';
    const states = [
      isInTrouble({ phase: 'trouble' }, { workflowId }),
      isInTrouble({ phase: 'follow' }, { workflowId, problem, attempt: 7 }),
      isInTrouble({ phase: 'follow' }, { workflowId, problem, attempt: 7, rpoSeconds: 0 }),
      isInTrouble({ phase: 'follow' }, { workflowId }),
      isInTrouble({ phase: 'detached' }, { workflowId }),
    ];
    assert.deepEqual(states, [true, true, false, false, false]);
  });

  it('says no more than it knows of one that has never followed', () => {
    assert.equal(archiveText({ instance: 'main', phase: 'follow' }, { workflowId }), 'archive of main: follow');
  });
});
