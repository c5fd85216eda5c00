import assert from 'node:assert/strict';
import { createMergeActivities } from '../../../activities/merge/merge.ts';
import { createDataActivities } from '../../../activities/recovery/data.ts';
import { ownerOf } from '../../../model/backup/owner.ts';
import type { Assessment, DataDecision } from '../../../model/recovery/recovery.ts';
import type { ShardRef } from '../../../model/shard.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { Recovering } from '../../support/recovering.ts';
import { type RedisOptions, save, startRedis } from '../../support/redis-server.ts';

const NO_SAVES = { config: { save: '' } } satisfies RedisOptions;

describe('The data of a Redis that serves again', function () {
  this.timeout(30_000);
  const decide = (
    recovering: Recovering,
    assessment: Assessment,
    restoreOverride?: 'never' | 'ask' | 'auto',
  ): Promise<DataDecision> =>
    recovering.job(() =>
      createDataActivities(recovering.deps).decideData({
        ...MAIN,
        assessment,
        ...(restoreOverride ? { restoreOverride } : {}),
      }),
    );

  it('is all there when it loaded what the backup has', async () => {
    await using redis = await startRedis({ config: { save: '' } });
    const recovering = new Recovering(redis);
    await recovering.signIn(0, 300);
    await redis.command('SAVE');
    await recovering.backup();
    await redis.kill('SIGKILL');
    const assessment = recovering.assessment();
    await redis.restart();
    const decision = await decide(recovering, assessment);
    assert.deepEqual([decision.verdict, decision.decision, decision.present], ['within-tolerance', 'go-on', 300]);
    assert.deepEqual([decision.sampled, decision.lost], [false, { atLeast: 0, atMost: 0 }]);
  });

  it('is compared with the backup of before, though the empty one was backed up since', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    await recovering.signIn(0, 300);
    const good = await recovering.backup();
    await redis.kill('SIGKILL');
    const assessment = recovering.assessment();
    await redis.restart();
    await recovering.signIn(1000, 1002);
    await recovering.backup();
    const decision = await decide(recovering, assessment);
    assert.deepEqual([decision.verdict, decision.decision, decision.present], ['lost', 'ask', 2]);
    assert.deepEqual(decision.lost, { atLeast: 298, atMost: 298 });
    const { offer } = decision;
    assert.deepEqual([offer?.backupId, offer?.until, offer?.revivesSignedOut], [good.backupId, undefined, true]);
    assert.match(decision.digest ?? '', /^[0-9a-f]{16}$/);
    assert.equal((await decide(recovering, assessment, 'never')).decision, 'go-on');
    assert.equal((await decide(recovering, assessment, 'auto')).decision, 'ask'); // it would revive who signed out

    const forecast = await recovering.job(() =>
      createDataActivities(recovering.deps).forecastSignIns({ ...MAIN, assessment, decision, normalPerSecond: 2 }),
    );
    assert.deepEqual([forecast?.lostSessions, forecast?.expiry], [{ atLeast: 298, atMost: 298 }, 'sliding']);
    assert.deepEqual([forecast?.atMostSignIns, forecast?.normalPerSecond], [298, 2]);
    const nothing = { ...decision, verdict: 'within-tolerance' as const };
    const none = await recovering.job(() =>
      createDataActivities(recovering.deps).forecastSignIns({ ...MAIN, assessment, decision: nothing }),
    );
    assert.equal(none, undefined);
  });

  it('is said to be of before a restore, where one has begun since the last backup', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    await recovering.signIn(0, 300);
    await recovering.backup();
    const safety = await recovering.backup('safety');
    await redis.command('FLUSHALL'); // as the restore of an earlier moment
    await redis.kill('SIGKILL');
    const assessment = recovering.assessment();
    await redis.restart();
    const { text } = await decide(recovering, assessment);
    assert.ok(text.includes(`(safety snapshot ${safety.backupId}), and nothing was backed up since`), text);
  });

  it('is not measured by the backups of another Redis, and nothing of them is offered', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    await recovering.signIn(0, 300);
    await recovering.backup();
    await redis.command('FLUSHALL');
    const target = { instance: 'main', address: '10.0.0.5:6379', repository: recovering.repository.url };
    await recovering.repository
      .ownership('main')
      .claim(ownerOf({ ...target, address: '10.0.0.6:6379' }, '2026-08-01T06:00:00.000Z'));
    const deps = {
      ...recovering.deps,
      shard: async (of: ShardRef) => ({ ...(await recovering.deps.shard(of)), target }),
    };
    const assessment = recovering.assessment();
    const decision = await recovering.job(() => createDataActivities(deps).decideData({ ...MAIN, assessment }));
    assert.deepEqual([decision.verdict, decision.decision, decision.offer], ['unknown', 'go-on', undefined]);
    assert.match(
      decision.text,
      /^DATA OF ANOTHER: these are the backups of main at 10\.0\.0\.6:6379, since 2026-08-01, and nothing/,
    );
  });

  it('is brought back from where the log of the failed process ends, and not from what the archiver follows now', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    await recovering.signIn(0, 200);
    await recovering.archiveAll(); // takes a base by itself
    await recovering.signIn(200, 300);
    await redis.command('DEL', 'session:250');
    await recovering.archiveAll();
    const timeline = await recovering.archive.newestTimeline();
    const end = timeline && (await recovering.archive.position(timeline.timelineId));
    await redis.kill('SIGKILL');
    const log = { timelineId: timeline?.timelineId ?? '', storedUpTo: '', lagSeconds: 0, complete: true };
    const assessment = recovering.assessment({ log });
    await redis.restart();
    await recovering.signIn(1000, 1003);
    await recovering.archiveAll();
    assert.notEqual((await recovering.archive.newestTimeline())?.timelineId, timeline?.timelineId);

    const decision = await decide(recovering, assessment, 'auto');
    assert.deepEqual([decision.verdict, decision.decision, decision.present], ['lost', 'restore', 3], decision.text);
    assert.equal(decision.offer?.until, `${timeline?.timelineId}@${end?.boundary?.offset}`);
    assert.equal(decision.offer?.revivesSignedOut, false);
    assert.match(decision.text, /of the 99 last in the log 99 are missing/);
    const other = recovering.assessment({ log: { ...log, timelineId: `${'0'.repeat(40)}-0000000000000001` } });
    assert.deepEqual((await decide(recovering, other, 'auto')).decision, 'ask'); // complete was said of another one

    const { planMerge, mergeClasses } = createMergeActivities(recovering.deps);
    const { classes = [], until = '' } = decision.offer ?? {};
    const plan = await recovering.job(() => planMerge({ of: MAIN, instance: 'main', classes, until }));
    const [merged] = (await recovering.job(() => mergeClasses({ plan }))).classes;
    assert.deepEqual([merged?.restored, merged?.failed, merged?.promised, merged?.standing], [299, 0, 299, 299]);
    assert.deepEqual(
      [await redis.command('EXISTS', 'session:299', 'session:1000'), await redis.command('EXISTS', 'session:250')],
      [2, 0],
    );
    const again = await decide(recovering, assessment, 'auto');
    assert.deepEqual([again.verdict, again.decision, again.present], ['within-tolerance', 'go-on', 302], again.text);
  });

  it('is no longer what it was where Redis loaded an RDB that is older than the log, though as many keys are there', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    recovering.settings.restoreClasses = ['sessions', 'other'];
    await recovering.signIn(0, 200);
    await redis.command('SET', 'balance:1', 'old');
    await recovering.archiveAll();
    await redis.command('SAVE');
    const decided = async () => {
      await recovering.archiveAll();
      await redis.kill('SIGKILL');
      const assessment = recovering.assessment();
      await redis.restart();
      return decide(recovering, assessment);
    };
    await redis.command('SET', 'cache:1', 'x'); // nobody misses the last writes of a cache
    const cached = await decided();
    assert.deepEqual([cached.verdict, cached.unloaded], ['within-tolerance', undefined], cached.text);

    await recovering.archiveAll();
    await redis.command('SAVE');
    await redis.command('SET', 'balance:1', 'new');
    await redis.command('DEL', 'session:7');
    await recovering.signIn(300, 301);
    await recovering.backup();
    const decision = await decided();
    assert.equal(decision.present, 200);
    assert.deepEqual([decision.verdict, decision.decision, decision.unloaded?.atLeast], ['lost', 'ask', 3], decision.text);
    assert.match(decision.text, /200 sessions present, .*; at least 3 writes of the log are not in what Redis has loaded/);
    assert.equal(decision.unloaded?.until, decision.offer?.until ?? decision.nextBest?.until);
  });

  it('is older than the log behind a restore to an earlier moment because somebody wanted that', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    await recovering.signIn(0, 200);
    await recovering.archiveAll();
    await redis.command('SAVE'); // stands for what the restore has put there
    await recovering.signIn(300, 301);
    await recovering.archiveAll();
    await recovering.backup();
    await recovering.backup('safety');
    await redis.kill('SIGKILL');
    const assessment = recovering.assessment();
    await redis.restart();
    const { unloaded, text } = await decide(recovering, assessment);
    assert.equal(unloaded, undefined, text);
  });

  it('is brought back from the snapshot where the log ended before it, as many as were promised', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    await recovering.signIn(0, 20);
    await recovering.archiveAll();
    await recovering.signIn(20, 300);
    const { backupId } = await recovering.backup();
    await redis.kill('SIGKILL');
    const assessment = recovering.assessment();
    await redis.restart();
    const decision = await decide(recovering, assessment);
    assert.deepEqual([decision.verdict, decision.expected?.atMost, decision.offer?.backupId], ['lost', 300, backupId]);
    assert.match(decision.nextBest?.until ?? '', /@\d+$/, 'the log, which ended before');
    const { planMerge, rehearseMerge, mergeClasses } = createMergeActivities(recovering.deps);
    const planned = await recovering.job(() => planMerge({ of: MAIN, instance: 'main', classes: ['sessions'], backupId }));
    const plan = await recovering.job(() => rehearseMerge({ plan: planned }));
    assert.deepEqual(plan.rehearsal?.classes, [{ name: 'sessions', alive: 300, there: 0 }]);
    const { classes } = await recovering.job(() => mergeClasses({ plan }));
    assert.deepEqual([classes[0]?.promised, classes[0]?.standing, await redis.command('DBSIZE')], [300, 300, 300]);
  });

  it('lacks the newest sessions when it came back with older data, which only the log can tell', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    await recovering.signIn(0, 200);
    await recovering.archiveAll();
    await save(redis.command);
    await recovering.signIn(200, 240);
    await recovering.archiveAll();
    await redis.kill('SIGKILL');
    const assessment = recovering.assessment();
    await redis.restart();
    const decision = await decide(recovering, assessment);
    assert.deepEqual([decision.verdict, decision.decision, decision.present], ['lost', 'ask', 200], decision.text);
    assert.ok(decision.lost && decision.lost.atLeast === 40 && decision.lost.atMost >= 40, JSON.stringify(decision.lost));
    assert.equal(decision.offer?.revivesSignedOut, true); // nobody said that the log is complete
  });

  it('is told from a sample where that is enough, and counted where it is not', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    await redis.command('DEBUG', 'POPULATE', '60000', 'session', '5');
    await redis.command('DEBUG', 'POPULATE', '60000', 'cache', '5');
    await recovering.backup();
    const living = recovering.assessment({ failure: 'healthy', at: '2020-01-01T00:00:00Z', since: '2030-01-01T00:00:00Z' });
    await redis.command('FLUSHALL');
    await redis.command('DEBUG', 'POPULATE', '55000', 'session', '5');
    await redis.command('DEBUG', 'POPULATE', '65000', 'cache', '5');
    recovering.settings.tolerance = 0.2;
    const near = await decide(recovering, living);
    assert.deepEqual([near.verdict, near.sampled], ['within-tolerance', true]);
    recovering.settings.tolerance = 1 - (near.present + 0.5) / 60_000; // in the middle between the bounds of the sample
    const exact = await decide(recovering, living);
    const verdict = near.present < 55_000 ? 'within-tolerance' : 'lost';
    assert.deepEqual([exact.verdict, exact.sampled, exact.present], [verdict, false, 55_000]);
    await redis.command('FLUSHALL');
    await redis.command('DEBUG', 'POPULATE', '120000', 'cache', '5');
    const far = await decide(recovering, living);
    assert.deepEqual([far.verdict, far.sampled, far.present], ['lost', true, 0]);
  });

  it('is unknown without any backup, and nothing is offered', async () => {
    await using redis = await startRedis(NO_SAVES);
    const recovering = new Recovering(redis);
    const decision = await decide(recovering, recovering.assessment());
    assert.deepEqual([decision.verdict, decision.decision, decision.offer], ['unknown', 'go-on', undefined]);
    assert.match(decision.text, /^0 sessions present, .* no backup of before the failure; the continuous log is of no use: /);
  });
});
