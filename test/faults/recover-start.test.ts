import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { aux, byte, database, key, moduleId, rdb } from '../support/rdb-bytes.ts';
import { redisBinaries } from '../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { skipWithout } from '../support/skip-without.ts';
import { filesIn, KEYS, quickRecovery, Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

const WITH_LOG = { appendonly: 'yes' };

/** Failures that stand in the way of a start, and those of Redis and its surroundings together. */
describe('A recovery of a Redis that does not come up', function () {
  this.timeout(180_000);
  let redis: Troubled;
  let replica: RedisServer;
  before(async () => {
    replica = await startRedis();
    redis = await Troubled.open({
      instance: { recovery: quickRecovery({ askFor: '4s' }) },
      others: () => ({
        wary: { recovery: quickRecovery({ askFor: '3s', restartEvery: '1h' }) },
        doubled: { recovery: quickRecovery({ askFor: '3s', replicas: [`127.0.0.1:${replica.port}`] }) },
      }),
    });
  });
  after(async () => {
    await redis?.close();
    await replica?.[Symbol.asyncDispose]();
  });

  /** Down, with this RDB as its only data. */
  const downWith = async (dump: Buffer | string) => {
    await redis.stand();
    await redis.kill();
    if (typeof dump === 'string') execFileSync('cp', [dump, join(redis.dir, 'dump.rdb')]);
    else writeFileSync(join(redis.dir, 'dump.rdb'), dump);
    return filesIn(redis.dir);
  };
  const unchanged = (files: Map<string, string>) => assert.deepEqual(filesIn(redis.dir), files);
  const onlyStarted = (report: RecoveryReport, starts: number) => {
    assert.equal(redis.starts(), starts + 1, 'a second start can destroy what is left');
    assert.equal(report.outcome, 'not-serving', report.summary);
    assert.equal(report.keptAside, undefined);
  };

  it('because a newer Redis wrote its data: tries once, leaves the file as it is, and says what to install', async function () {
    const newer = redisBinaries().find(({ version }) => version.startsWith('8'));
    if (!newer) return skipWithout('redis-8.2', this);
    await using source = await startRedis({ binary: newer.path });
    await source.command('SET', 'session:1', 'x');
    await source.command('SAVE');
    const files = await downWith(join(source.dir, 'dump.rdb'));
    const starts = redis.starts();
    const report = await redis.recover();
    onlyStarted(report, starts);
    assert.equal(report.failure, 'data-too-new');
    unchanged(files);
    assert.match(report.summary, /Start the version of Redis that wrote the data/);
  });

  it('because a module is missing, though it ends with code 0: leaves the file as it is, and names the module', async () => {
    const module = key(7, 'k', moduleId('unknownMM', 1), byte(0));
    const files = await downWith(rdb('REDIS0009', [aux('redis-ver', '6.2.0'), database(0), module]));
    const starts = redis.starts();
    const report = await redis.recover();
    onlyStarted(report, starts);
    assert.equal(report.failure, 'module-missing');
    unchanged(files);
    assert.match(report.assessment.evidence.concat(report.toDo).join(), /unknownMM|Install the module/);
    assert.match(await redis.page(), /unknownMM/);
  });

  it('because of its configuration: names the line, and starts it when that is mended', async () => {
    await redis.stand({ config: WITH_LOG });
    await redis.kill();
    redis.configure({ ...WITH_LOG, 'no-such-directive': 'yes' });
    const files = filesIn(redis.dir);
    const report = await redis.recover({}, async () => {
      await redis.untilNow(/only a person can help: Correct the configuration/);
      assert.match(await redis.page(), /no-such-directive/);
      unchanged(files);
      redis.configure(WITH_LOG);
    });
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(report.failure, 'bad-configuration');
    assert.deepEqual(report.decisions, []);
    assert.equal(report.serving?.keys, KEYS);
    assert.equal(report.data?.verdict, 'within-tolerance');
  });

  it('because of its configuration: ends with what is to be done when nobody mends it', async () => {
    await redis.stand({ config: WITH_LOG });
    await redis.kill();
    redis.configure({ ...WITH_LOG, 'no-such-directive': 'yes' });
    const report = await redis.recover();
    assert.equal(report.outcome, 'not-serving');
    assert.equal(report.failure, 'bad-configuration');
    assert.match(report.toDo.join(), /no-such-directive/);
  });

  it('because its disk is full: starts it when somebody makes room', async function () {
    try {
      await redis.stand({ config: WITH_LOG, diskBytes: 3 << 20 });
    } catch (error) {
      if (!/mount/.test(String(error))) throw error;
      return skipWithout('mount', this);
    }
    await redis.kill();
    rmSync(join(redis.dir, 'appendonlydir/appendonly.aof.manifest')); // made anew at the start, for which there is no room
    rmSync(join(redis.dir, 'appendonlydir'), { recursive: true });
    const filler = join(redis.dir, 'filler');
    assert.throws(() => writeFileSync(filler, Buffer.alloc(4 << 20)), { code: 'ENOSPC' });
    const report = await redis.recover({}, async () => {
      await redis.untilNow(/only a person can help: Make room/);
      rmSync(filler);
    });
    assert.equal(report.failure, 'disk-full');
    assert.equal(report.outcome, 'serving', report.summary);
  });

  it('because the kernel kills it for memory: says so, starts it, and says that it will be killed again', async function () {
    await redis.stand({ config: WITH_LOG });
    const group = `/sys/fs/cgroup/memory/redis-backup-test-${process.pid}`;
    try {
      mkdirSync(group);
      writeFileSync(join(group, 'memory.limit_in_bytes'), '30000000');
      writeFileSync(join(group, 'cgroup.procs'), String(await redis.pid()));
    } catch {
      return skipWithout('cgroup-v1', this);
    }
    try {
      await redis.says('DEBUG', 'POPULATE', '400000', 'big', '200');
      await until(async () => (await redis.says('PING')) !== 'PONG', { what: 'it is killed', seconds: 20 });
      const report = await redis.recover();
      assert.equal(report.failure, 'oom-killed', JSON.stringify(report.assessment));
      assert.equal(report.outcome, 'serving', report.summary);
      assert.match(report.assessment.evidence.join(), /Killed process|counts/);
      assert.match(report.toDo.join(), /Raise the memory limit/);
      assert.equal(report.data?.verdict, 'within-tolerance');
    } finally {
      await redis.end();
      rmdirSync(group);
    }
  });

  it('twice in a short time: asks before it starts it again, once', async () => {
    await redis.stand({ config: WITH_LOG });
    await redis.kill();
    const first = await redis.recover({ instance: 'wary' });
    assert.equal(first.outcome, 'serving', first.summary);
    await redis.kill();
    const starts = redis.starts();
    const unanswered = await redis.recover({ instance: 'wary' });
    assert.equal(unanswered.outcome, 'not-serving');
    assert.equal(unanswered.decisions.length, 1);
    assert.deepEqual(unanswered.actionsDone, []);
    assert.match(unanswered.summary, /Not allowed so far: Start Redis/);
    assert.equal(redis.starts(), starts);
    const approved = await redis.recover({ instance: 'wary' }, () => redis.answer(/Restart it again/));
    assert.equal(approved.outcome, 'serving', approved.summary);
    assert.equal(approved.serving?.keys, KEYS);
  });

  describe('and would come up empty, while a replica has its data', () => {
    beforeEach(async () => {
      await redis.stand();
      await replica.command('REPLICAOF', '127.0.0.1', `${redis.house.redis.port}`);
      await until(async () => (await replica.dbsize()) === KEYS, { what: 'the replica has all', seconds: 10 });
      await redis.kill();
    });

    it('lets the replica take over when a person approves, and starts no second primary', async () => {
      const starts = redis.starts();
      const report = await redis.recover({ instance: 'doubled' }, () => redis.answer(/May it take over/));
      assert.equal(report.outcome, 'serving-elsewhere', report.summary);
      assert.equal(report.promoted, `127.0.0.1:${replica.port}`);
      assert.equal(redis.starts(), starts);
      assert.equal(await replica.command('SET', 'written', 'there'), 'OK');
      assert.match(report.toDo.join(), /Point the applications at/);
    });

    it('takes the replica out of harm, and starts empty when nobody answers', async () => {
      const report = await redis.recover({ instance: 'doubled' });
      assert.equal(report.outcome, 'serving', report.summary);
      assert.equal(await redis.says('SET', 'written', 'here'), 'OK');
      assert.equal(await replica.dbsize(), KEYS);
      assert.equal(((await replica.command('ROLE')) as Buffer[])[0]?.toString(), 'master');
      assert.match(report.actionsDone.join('; '), /^detached .*; doubled was restarted$/);
      assert.match(report.toDo.join(), /Replicas on their own now/);
    });
  });
});
