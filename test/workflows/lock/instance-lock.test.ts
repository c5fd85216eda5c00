import assert from 'node:assert/strict';
import { failureOf } from '../../support/failure-of.ts';
import type { StormEvent } from '../../support/storm/activities.ts';
import { Storm } from '../../support/storm/harness.ts';
import { until } from '../../support/until.ts';

const settled = async (storm: Storm, instance: string) =>
  until(async () => !(await storm.isLocked(instance)), { what: `lock/${instance} free`, seconds: 90 });
const undone = (events: StormEvent[]) => events.filter(({ what }) => what === 'undo').map(({ number }) => number);

describe('The lock of an instance', function () {
  this.timeout(180_000);
  let storm: Storm;
  before(async () => {
    storm = await Storm.open();
  });
  after(() => storm?.close());

  const paused = async (instance: string, kind: 'backup' | 'restore' = 'restore') => {
    const handle = await storm.start(`op/${instance}`, { instance, kind, changes: 3, waitSeconds: 60, pauseAt: 1 });
    await until(() => storm.events(instance).some((event) => event.what === 'end' && event.number === 1));
    return handle;
  };

  it('undoes only what must always be undone when the operation succeeds', async () => {
    const handle = await storm.start('op/success', { instance: 'success', kind: 'restore', changes: 3, waitSeconds: 60 });
    assert.deepEqual(await handle.result(), { changed: 3 });
    assert.deepEqual(undone(storm.events('success')), [0]);
    assert.equal(await storm.isLocked('success'), false);
  });

  it('undoes everything, newest first, before a failing operation ends', async () => {
    const handle = await storm.start('op/fail', { instance: 'fail', kind: 'restore', changes: 3, waitSeconds: 60, failAt: 2 });
    await assert.rejects(handle.result());
    assert.deepEqual(undone(storm.events('fail')), [1, 0]);
  });

  it('is held until a cancelled operation has been undone', async () => {
    const handle = await paused('cancel');
    await handle.cancel();
    await assert.rejects(handle.result());
    assert.deepEqual(undone(storm.events('cancel')), [1, 0]);
    assert.equal(await storm.isLocked('cancel'), false);
  });

  for (const [name, end] of [
    ['terminated', (storm: Storm, id: string) => storm.client.workflow.getHandle(id).terminate('test')],
    ['reset into its middle', (storm: Storm, id: string) => storm.reset(id, (tasks) => tasks.at(-1))],
  ] as const) {
    it(`undoes everything after the operation was ${name}`, async () => {
      const instance = name.split(' ')[0] as string;
      const handle = await paused(instance);
      await end(storm, handle.workflowId);
      if (name !== 'terminated') {
        await storm.client.workflow.getHandle(handle.workflowId).signal('go'); // the reset run goes on, and finds that it holds nothing
        assert.match(
          (await failureOf(storm.client.workflow.getHandle(handle.workflowId).result())).message,
          /no longer hold|does not hold/,
        );
      }
      await settled(storm, instance);
      assert.deepEqual(undone(storm.events(instance)), [1, 0]);
    });
  }

  it('lets an operation that is reset to its beginning undo its former self and run again', async () => {
    const handle = await paused('restart');
    await storm.reset(handle.workflowId, (tasks) => tasks[0]);
    await until(() => new Set(storm.events('restart').map(({ runId }) => runId)).size === 3, { what: 'the second run at work' });
    await storm.client.workflow.getHandle(handle.workflowId).signal('go');
    assert.deepEqual(await storm.client.workflow.getHandle(handle.workflowId).result(), { changed: 3 });
    assert.deepEqual(undone(storm.events('restart')), [1, 0, 0]);
  });

  it('stops an operation whose lock somebody ended by hand, and undoes it under a new lock', async () => {
    const handle = await paused('byhand');
    await storm.client.workflow.getHandle('lock/byhand').terminate('by hand');
    assert.match((await failureOf(handle.result())).message, /no longer holds the lock/);
    assert.deepEqual(undone(storm.events('byhand')), [1, 0]);
  });

  it('stays, and asks for a person, when something cannot be undone', async () => {
    const input = { instance: 'stuck', kind: 'restore', changes: 3, waitSeconds: 60, failAt: 2, stuckAt: 1 } as const;
    const handle = await storm.start('op/stuck', input);
    const lock = storm.client.workflow.getHandle('lock/stuck');
    const phase = async () => (await lock.query<{ phase: string }>('status').catch(() => undefined))?.phase;
    await until(async () => (await phase()) === 'needs a person', { what: 'the lock asks for a person' });
    assert.deepEqual(undone(storm.events('stuck')), []);
    const waiter = await storm.start('op/waits', { instance: 'stuck', kind: 'backup', changes: 0, waitSeconds: 60 });
    for (const { workflowId } of [handle, waiter]) {
      const told = async () => (await storm.client.workflow.getHandle(workflowId).describe()).memo?.blocked;
      await until(async () => (await told()) !== undefined, { what: `${workflowId} says why` });
      const { because, next, by } = (await told()) as Record<string, string>;
      assert.match(because ?? '', /^could not /);
      assert.ok(next);
      assert.equal(by, 'op/stuck');
    }
    const refused = failureOf(lock.executeUpdate('resolve', { args: [{ by: 'ann' }] }));
    assert.match((await refused).message, /"note" is missing/);
    for (const signal of ['wanted', 'release', 'undo']) await lock.signal(signal, 'typed by hand'); // no such message: it does no harm
    await lock.executeUpdate('resolve', { args: [{ by: 'ann', note: 'done by hand' }] });
    await failureOf(handle.result());
    assert.deepEqual(undone(storm.events('stuck')), [0], 'the rest of the list is carried out');
    await waiter.result();
    assert.equal((await storm.client.workflow.getHandle('op/waits').describe()).memo?.blocked ?? undefined, undefined);
    assert.equal(await storm.isLocked('stuck'), false);
  });

  it('says by a code of its own that all is undone and Redis does not let us in, and lets others have the lock', async () => {
    const input = { instance: 'refuses', kind: 'restore', changes: 3, waitSeconds: 60, failAt: 2, refusedAt: 1 } as const;
    const handle = await storm.start('op/refuses', input);
    const failed = await failureOf(handle.result());
    assert.equal(failed.code, 'PUT_BACK');
    assert.match(failed.message, /made to fail; the old data of refuses is back and it runs with it, but .*: WRONGPASS/);
    assert.deepEqual(undone(storm.events('refuses')), [1, 0]);
    assert.equal(await storm.isLocked('refuses'), false);
  });

  it('survives a worker that is killed in the middle of a change', async () => {
    const handle = await storm.start('op/killed', { instance: 'killed', kind: 'restore', changes: 3, waitSeconds: 60 });
    await until(() => storm.events('killed').some(({ what }) => what === 'begin'));
    await storm.killWorker();
    await storm.startWorker();
    assert.deepEqual(await handle.result(), { changed: 3 });
  });

  it('makes a backup wait, refuses a second restore, and lets a restore preempt a backup', async () => {
    const restore = await paused('queue');
    const second = await storm.start('op/second', { instance: 'queue', kind: 'restore', changes: 1, waitSeconds: 60 });
    assert.match((await failureOf(second.result())).message, /queue is locked: op\/queue is running/);
    const impatient = await storm.start('op/impatient', { instance: 'queue', kind: 'backup', changes: 1, waitSeconds: 1 });
    assert.deepEqual(await impatient.result(), { outcome: 'skipped', because: 'op/queue is running (lock held)' });
    const patient = await storm.start('op/patient', {
      instance: 'queue',
      kind: 'backup',
      changes: 2,
      waitSeconds: 60,
      pauseAt: 0,
    });
    await restore.signal('go');
    await restore.result();
    await until(() => storm.events('queue').filter(({ what }) => what === 'end').length === 4, {
      what: 'the patient backup at work',
    });
    const preempting = await storm.start('op/preempting', { instance: 'queue', kind: 'restore', changes: 1, waitSeconds: 60 });
    assert.deepEqual(await preempting.result(), { changed: 1 });
    await assert.rejects(patient.result());
  });
});
