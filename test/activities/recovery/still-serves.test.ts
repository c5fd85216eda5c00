import assert from 'node:assert/strict';
import type { Dependencies } from '../../../activities/dependencies.ts';
import { currentJob } from '../../../activities/job-context.ts';
import { createStillServesActivities } from '../../../activities/recovery/still-serves.ts';
import type { HeldBy } from '../../../model/lock.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { Recovering } from '../../support/recovering.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const RESTORING: HeldBy = { workflowId: 'restore/main', runId: '1', kind: 'restore', interrupts: true };

describe('A Redis that a recovery has brought back', function () {
  this.timeout(30_000);
  let holder: HeldBy | undefined;
  const watch = (recovering: Recovering, notes: string[], input: { runId?: string; stoppedBy?: string } = {}) => {
    const operations = { lockHolder: async () => holder, doing: async () => undefined, recoveries: async () => [] };
    const deps: Dependencies = { ...recovering.deps, operations };
    return recovering
      .job(() => createStillServesActivities(deps).watchServing({ ...MAIN, ...input }))
      .finally(() => notes.push('ended'));
  };

  it('is told to be stopped, and to answer anew, where an operation that holds the lock does that; then it may fail again', async () => {
    await using redis = await startRedis({ config: { save: '' } });
    const recovering = new Recovering(redis);
    const watching = watch(recovering, recovering.notes);
    const saw = (what: string) => until(() => recovering.notes.some((note) => note.startsWith(what)), { what });
    await saw('serves');
    holder = RESTORING;
    const killedMs = Date.now();
    await redis.kill('SIGKILL');
    const stopped = await watching;
    assert.ok('since' in stopped && 'stoppedBy' in stopped, JSON.stringify(stopped));
    assert.equal(stopped.stoppedBy, 'restore/main');
    assert.ok(Date.parse(stopped.since) >= killedMs);
    const notes: string[] = [];
    const goingOn = watch(recovering, notes, { stoppedBy: 'restore/main' });
    const failures = () => recovering.notes.filter((note) => note.startsWith('fails')).length;
    await until(() => failures() >= 5, { what: 'it was looked at while a restore runs', seconds: 15 });
    assert.deepEqual(notes, []);
    const startedMs = Date.now();
    await redis.restart();
    const anew = await goingOn;
    assert.ok('answersSince' in anew, JSON.stringify(anew));
    assert.equal(anew.stoppedBy, 'restore/main');
    assert.ok(Date.parse(anew.answersSince) >= startedMs, 'and not since before the stop');
    holder = undefined;
    const after = watch(recovering, notes, { runId: anew.runId });
    await redis.kill('SIGKILL');
    assert.match(detailOf(await after), /ECONNREFUSED|does not answer/);
  });

  it('is seen to fail again where the operation that stopped it has ended, and left it down', async () => {
    await using redis = await startRedis({ config: { save: '' } });
    await redis.kill('SIGKILL');
    holder = undefined;
    const recovering = new Recovering(redis);
    assert.match(detailOf(await watch(recovering, [], { stoppedBy: 'restore/main' })), /ECONNREFUSED|does not answer/);
  });

  it('is seen to fail again while the recovery itself still holds the lock: it stops nothing any more', async () => {
    await using redis = await startRedis({ config: { save: '' } });
    const recovering = new Recovering(redis);
    const ownRunId = await recovering.job(async () => currentJob().operationId);
    holder = { workflowId: 'recover/main', runId: ownRunId, kind: 'recovery', interrupts: true };
    const watching = watch(recovering, recovering.notes);
    await until(() => recovering.notes.some((note) => note.startsWith('serves')), { what: 'a first look' });
    await redis.kill('SIGKILL');
    assert.match(detailOf(await watching), /ECONNREFUSED|does not answer/);
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
    const news = await watch(recovering, recovering.notes, { runId: before });
    assert.ok('answersSince' in news, JSON.stringify(news));
    assert.deepEqual([news.stoppedBy, news.runId], ['restore/main', await runId()]);
    holder = undefined;
    const watching = watch(recovering, recovering.notes, { runId: news.runId });
    await redis.kill('SIGKILL');
    await redis.restart();
    assert.match(detailOf(await watching), /restarted, and serves as another process/);
  });
});

const detailOf = (news: object): string => ('detail' in news ? String(news.detail) : JSON.stringify(news));
