import assert from 'node:assert/strict';
import { failureOf } from '../support/failure-of.ts';
import { type Stranger, startStranger } from '../support/stranger.ts';
import { KEYS, quickRecovery, Troubled } from '../support/troubled.ts';

describe('A recovery of a Redis in whose place another one answers', function () {
  this.timeout(240_000);
  let redis: Troubled;
  let stranger: Stranger | undefined;
  before(async () => {
    redis = await Troubled.open({ instance: { recovery: quickRecovery({ askFor: '4s' }) } });
  });
  afterEach(async () => {
    await stranger?.[Symbol.asyncDispose]();
    stranger = undefined;
  });
  after(() => redis?.close());

  const taken = async (): Promise<Stranger> => {
    await redis.stand({ config: { appendonly: 'yes' } });
    await redis.kill();
    stranger = await startStranger(redis.house.redis);
    return stranger;
  };

  const backupLog = () =>
    redis.house.client.workflow.execute('backupAof', {
      ...{ workflowId: 'backup-aof/main', taskQueue: 'redis-ops' },
      args: [{ instance: 'main' }],
    });

  it('touches nothing of that one, is not content with it, and names both', async () => {
    const other = await taken();
    const report = await redis.recover();
    assert.equal(report.failure, 'wrong-endpoint', report.summary);
    assert.equal(report.outcome, 'not-serving', report.summary);
    assert.deepEqual([report.actionsDone, report.keptAside, report.serving], [[], undefined, undefined]);
    const toDo = report.toDo.join();
    for (const name of [`process ${other.pid}`, other.configFile, redis.house.redis.configFile])
      assert.ok(toDo.includes(name), toDo);
    assert.equal(await redis.pid(), other.pid, 'it was replaced');
    assert.equal(await other.says('GET', 'theirs'), 'whole');
    assert.equal(report.assessment.server, undefined, 'it was taken for ours');
  });

  it('goes on by itself when that one is gone', async () => {
    const other = await taken();
    const report = await redis.recover({}, async () => {
      await redis.untilNow(/only a person can help: Another Redis answers in the place of main/);
      await other[Symbol.asyncDispose]();
    });
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(report.serving?.keys, KEYS);
  });

  it('has no backup made of that one: the data of another is never the latest of ours', async () => {
    const other = await taken();
    const { repository } = redis.house;
    const before = (await repository.snapshots({ instance: 'main', shard: '0' }).list()).map(({ backupId }) => backupId);
    for (const running of [redis.house.backup(), backupLog()]) {
      const { code, message, next } = await failureOf(running);
      assert.equal(code, 'TARGET_IDENTITY', message);
      assert.ok(message.includes(other.configFile) && message.includes(redis.house.redis.configFile), message);
      assert.match(next, /another port, or end it/);
    }
    const after = (await repository.snapshots({ instance: 'main', shard: '0' }).list()).map(({ backupId }) => backupId);
    assert.deepEqual(after, before);
  });

  it('is named by `check`', async () => {
    const other = await taken();
    const { stdout } = await redis.house.command('check', 'main');
    const line = stdout.split('\n').find((one) => one.includes('another Redis answers in the place of main'));
    assert.ok(line?.includes(`process ${other.pid} of ${other.configFile}`), stdout);
    assert.doesNotMatch(stdout, /runs as process/);
  });

  it('is content with one that its owner has started by hand, and whose directory was set while it ran', async () => {
    await redis.stand({ config: { 'enable-protected-configs': 'yes' } });
    await redis.ask('CONFIG', 'SET', 'dir', redis.house.dir);
    const runId = await redis.runId();
    const report = await redis.recover();
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(await redis.runId(), runId);
  });
});
