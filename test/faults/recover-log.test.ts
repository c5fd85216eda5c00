import assert from 'node:assert/strict';
import { Archived } from '../support/archived.ts';
import { save } from '../support/redis-server.ts';
import { Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

/** Redis keeps nothing on its disk here: what comes back comes from the continuous log. */
describe('A recovery with a continuous log', function () {
  this.timeout(180_000);
  let redis: Troubled;
  let log: Archived;
  before(async () => {
    redis = await Troubled.open({ instance: { archive: { segmentAge: '1s', restartDelay: '1s' } } });
    await redis.stand({ backup: 'none' });
    log = new Archived(redis.house);
    await log.start();
    await until(async () => (await log.archive.newestTimeline()) !== undefined, { what: 'a timeline' });
  });
  after(() => redis?.close());

  const signIn = async (name: string, count: number) => {
    for (let n = 0; n < count; n++) await redis.ask('SET', `session:${name}${n}`, 'token', 'EX', '86400');
  };
  const follows = () =>
    until(async () => String(await redis.ask('INFO', 'replication')).includes('state=online'), { what: 'the archiver follows' });

  it('brings sessions back by itself after an end in order, and revives none that was signed out', async () => {
    await follows();
    await signIn('late', 20);
    await redis.ask('DEL', 'session:1', 'session:late1');
    await log.untilCaughtUp();
    await redis.house.redis.stop();
    const report = await redis.recover({ restore: 'auto' });
    assert.equal(report.failure, 'dead');
    assert.equal(report.outcome, 'serving', report.summary);
    assert.deepEqual(report.decisions, [], 'nobody was to be asked');
    assert.equal(report.assessment.log?.complete, true, JSON.stringify(report.assessment.log));
    assert.equal(report.restored?.find(({ name }) => name === 'sessions')?.restored, 118, report.summary);
    assert.deepEqual(await redis.ask('MGET', 'session:1', 'session:late1'), [null, null]);
    assert.equal(await redis.ask('EXISTS', 'session:late2', 'session:2'), 2);
    assert.deepEqual(report.toDo, []);
  });

  it('lets the archiver follow again, with a new base of the Redis that serves now', async () => {
    await follows();
    await log.untilCaughtUp();
    assert.equal((await log.newest()).replid, (await log.sourceAt()).replid);
  });

  it('asks after a kill, which may have taken what was acknowledged last', async () => {
    await signIn('last', 10);
    await log.untilCaughtUp();
    await redis.kill();
    const report = await redis.recover({ restore: 'auto' }, () => redis.answer(/session/));
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(report.assessment.log?.complete, false);
    assert.equal(report.decisions[0]?.answer, 'approved');
    assert.equal(report.restored?.find(({ name }) => name === 'sessions')?.restored, 128, report.summary);
    assert.equal(await redis.ask('EXISTS', 'session:last9'), 1);
  });

  it('that is newer than the RDB which was loaded: brings missing keys back, and says that changed values are as they were', async () => {
    await follows();
    await log.untilCaughtUp();
    await redis.ask('SET', 'balance', 'old');
    await save(redis.ask);
    await redis.ask('SET', 'balance', 'new');
    await redis.ask('SET', 'order', 'paid');
    await log.untilCaughtUp();
    await redis.kill();
    const report = await redis.recover({}, () =>
      redis.answer(/at least \d+ writes of the log are not in what Redis has loaded.*other keys/),
    );
    assert.deepEqual([report.outcome, report.incomplete], ['serving', true], report.summary);
    assert.deepEqual(await redis.ask('MGET', 'balance', 'order'), ['old', 'paid']);
    const [older = ''] = report.toDo;
    assert.match(older, /at least \d+ writes .* values that were changed .* are as they were before/);
    const [, command = ''] = /`redis-backup (restore .*?)`/.exec(older) ?? [];
    const { code, stdout, stderr } = await redis.house.command(...command.split(' '), '--plan');
    assert.equal(code, 0, stdout + stderr);
  });
});
