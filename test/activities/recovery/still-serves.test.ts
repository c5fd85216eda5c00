import assert from 'node:assert/strict';
import type { Dependencies } from '../../../activities/dependencies.ts';
import { currentJob } from '../../../activities/job-context.ts';
import { createStillServesActivities } from '../../../activities/recovery/still-serves.ts';
import type { HeldBy } from '../../../model/lock.ts';
import { Recovering } from '../../support/recovering.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const RESTORING: HeldBy = { workflowId: 'restore/main', runId: '1', kind: 'restore', interrupts: true };

describe('A Redis that a recovery has brought back', function () {
  this.timeout(30_000);
  let holder: HeldBy | undefined;
  const watch = (recovering: Recovering, notes: string[], runId?: string) => {
    const operations = { lockHolder: async () => holder, doing: async () => undefined, recoveries: async () => [] };
    const deps: Dependencies = { ...recovering.deps, operations };
    return recovering
      .job(() => createStillServesActivities(deps).watchServing({ instance: 'main', ...(runId ? { runId } : {}) }))
      .finally(() => notes.push('ended'));
  };

  it('is seen to fail again, and not where an operation that holds the lock has stopped it', async () => {
    await using redis = await startRedis({ config: { save: '' } });
    const recovering = new Recovering(redis);
    const watching = watch(recovering, recovering.notes);
    const saw = (what: string) => until(() => recovering.notes.some((note) => note.startsWith(what)), { what });
    await saw('serves');
    holder = RESTORING;
    await redis.kill('SIGKILL');
    const failures = () => recovering.notes.filter((note) => note.startsWith('fails')).length;
    await until(() => failures() >= 4, { what: 'it was looked at while a restore runs', seconds: 15 });
    assert.equal(recovering.notes.includes('ended'), false);
    holder = undefined;
    const { since, detail } = await watching;
    assert.ok(Date.parse(since) <= Date.now());
    assert.match(detail, /ECONNREFUSED|does not answer/);
  });

  it('is seen to fail again while the recovery itself still holds the lock: it stops nothing any more', async () => {
    await using redis = await startRedis({ config: { save: '' } });
    const recovering = new Recovering(redis);
    const ownRunId = await recovering.job(async () => currentJob().operationId);
    holder = { workflowId: 'recover/main', runId: ownRunId, kind: 'recovery', interrupts: true };
    const watching = watch(recovering, recovering.notes);
    await until(() => recovering.notes.some((note) => note.startsWith('serves')), { what: 'a first look' });
    await redis.kill('SIGKILL');
    assert.match((await watching).detail, /ECONNREFUSED|does not answer/);
    holder = undefined;
  });

  it('is seen to fail again when a supervisor has restarted it between two looks, and not where an operation did', async () => {
    await using redis = await startRedis({ config: { save: '' } });
    const recovering = new Recovering(redis);
    const runId = async () => /run_id:(\w+)/.exec(String(await redis.command('INFO', 'server')))?.[1] ?? '';
    const before = await runId();
    await redis.kill('SIGKILL');
    await redis.restart();
    holder = RESTORING;
    const watching = watch(recovering, recovering.notes, before);
    await until(() => recovering.notes.some((note) => note.startsWith('serves')), { what: 'a look at what a restore has done' });
    holder = undefined;
    await redis.kill('SIGKILL');
    await redis.restart();
    assert.match((await watching).detail, /restarted, and serves as another process/);
  });
});
