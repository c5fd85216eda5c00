import assert from 'node:assert/strict';
import { statusOf } from '../../cli/operations/index.ts';
import { until } from '../support/until.ts';
import { Stage } from './support/stage.ts';

describe('An operation whose first decision the server refuses', function () {
  this.timeout(60_000);
  let stage: Stage;
  before(async () => {
    stage = await Stage.open({ withSearchAttributes: false });
  });
  after(() => stage?.close());

  it('is named with what the server says, and goes on when a command has registered what it lacks', async () => {
    const args = [{ instance: 'main' }];
    const handle = await stage.client.workflow.start('backupSnapshot', {
      workflowId: 'backup/main',
      taskQueue: 'redis-ops',
      args,
    });
    let note = '';
    await until(
      async () => {
        note = (await statusOf(handle, Date.now())).note ?? '';
        return note.includes('cannot go on');
      },
      { what: 'a word of it' },
    );
    assert.match(note, /^it cannot go on: .*RedisPhase.*; it is tried again$/);
    stage.play = async () => ({ outcome: 'skipped', instance: 'main', skippedBecause: 'the test' });
    await using site = await stage.site();
    await site.run('backup');
    assert.deepEqual(await handle.result(), { outcome: 'skipped', instance: 'main', skippedBecause: 'the test' });
  });
});
