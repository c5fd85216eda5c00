import assert from 'node:assert/strict';
import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { save } from '../support/redis-server.ts';
import { filesIn, isKept, KEYS, SESSIONS, Troubled } from '../support/troubled.ts';

const WITH_LOG = { appendonly: 'yes' };

/** Failures of the process, and of the files that it loads. */
describe('A recovery of a Redis that is down', function () {
  this.timeout(180_000);
  let redis: Troubled;
  before(async () => {
    redis = await Troubled.open();
  });
  after(() => redis?.close());

  const serves = async (report: RecoveryReport) => {
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(await redis.says('SET', 'written', 'now', 'EX', '60'), 'OK');
  };
  const increment = () => {
    const directory = join(redis.dir, 'appendonlydir');
    return join(directory, readdirSync(directory).find((name) => name.endsWith('incr.aof')) ?? '');
  };
  const restored = ({ restored = [] }: RecoveryReport) => restored.find(({ name }) => name === 'sessions')?.restored;

  it('that was killed: starts it once, and nothing is lost', async () => {
    await redis.stand({ config: WITH_LOG });
    const starts = redis.starts();
    await redis.kill();
    const report = await redis.recover();
    await serves(report);
    assert.equal(report.failure, 'dead');
    assert.deepEqual(report.actionsDone, ['main was restarted']);
    assert.equal(redis.starts(), starts + 1);
    assert.equal(report.data?.verdict, 'within-tolerance');
    assert.equal(report.serving?.keys, KEYS);
    assert.deepEqual([report.decisions, report.toDo, report.keptAside], [[], [], undefined]);
    assert.match(report.summary, /Nothing is left to do\.$/);
  });

  it('with a damaged RDB: keeps it, serves without, and brings sessions back when a person approves', async () => {
    await redis.stand({ config: { save: '3600 1' } });
    await save(redis.ask);
    await redis.kill();
    const rdb = join(redis.dir, 'dump.rdb');
    truncateSync(rdb, 500);
    const damaged = filesIn(redis.dir);
    const report = await redis.recover({ onDamage: 'serve-empty' }, async () => {
      await redis.question(/session/);
      assert.equal(await redis.says('SET', 'session:1', 'newer', 'KEEPTTL'), 'OK'); // signed in meanwhile
      await redis.answer(/session/);
    });
    await serves(report);
    assert.equal(report.failure, 'rdb-damaged');
    assert.match(report.actionsDone.join('; '), /damaged files are kept, .*; main started empty/);
    assert.ok(isKept(damaged, report.keptAside?.directory));
    assert.equal(restored(report), SESSIONS - 1);
    assert.equal(await redis.ask('GET', 'session:1'), 'newer');
    assert.equal(await redis.ask('DBSIZE'), SESSIONS + 1);
  });

  it('that started empty: brings the function libraries back that applications call, with the sessions', async () => {
    await redis.stand({ config: { save: '3600 1' } });
    await redis.ask('FUNCTION', 'LOAD', "#!lua name=carts\nredis.register_function('total', function() return 42 end)");
    await redis.house.backup();
    await save(redis.ask);
    await redis.kill();
    truncateSync(join(redis.dir, 'dump.rdb'), 500);
    const report = await redis.recover({ onDamage: 'serve-empty' }, async () => {
      await redis.question(/function libraries: 1 lost.*1 function libraries would come back/);
      assert.match(String(await redis.says('FCALL', 'total', '0')), /Function not found/);
      await redis.answer(/session/);
    });
    await serves(report);
    assert.equal(report.restored?.find(({ name }) => name === 'functions')?.restored, 1);
    assert.equal(await redis.ask('FCALL', 'total', '0'), 42);
    assert.deepEqual(report.toDo, []);
  });

  it('with a damaged RDB and keys of no data class: asks before it serves without them, and stays down for a no', async () => {
    await redis.stand({ config: { save: '3600 1' } });
    for (let n = 1; n <= 20; n++) await redis.ask('SET', `order:${n}`, 'x');
    await redis.house.backup();
    await save(redis.ask);
    await redis.kill();
    truncateSync(join(redis.dir, 'dump.rdb'), 500);
    const starts = redis.starts();
    const report = await redis.recover({}, () =>
      redis.answer(/^20 of the 1,\d+ keys of backup \w+ are in no data class: .* Start Redis empty now\?/, true),
    );
    assert.equal(report.outcome, 'not-serving', report.summary);
    assert.equal(redis.starts(), starts);
  });

  it('with a log that is damaged in its middle: keeps it, starts empty where all can be made again, and says how the rest is had', async () => {
    await redis.stand({ config: WITH_LOG });
    const damaged = await redis.cutLog();
    const report = await redis.recover({ onDamage: 'serve-empty' }, () => redis.answer(/session/, true));
    await serves(report);
    assert.equal(report.failure, 'aof-damaged');
    assert.ok(isKept(damaged, report.keptAside?.directory));
    assert.equal(report.restored, undefined);
    assert.equal(report.serving?.keys, 0);
    assert.match(report.toDo.join(), /redis-backup import PATH --up-to-damage/);
    assert.ok((report.forecast?.atMostSignIns ?? 0) >= SESSIONS, JSON.stringify(report.forecast));
  });

  it('with a log that is damaged in its middle: asks whether what stands before it is served, and serves it', async () => {
    await redis.stand({ config: WITH_LOG });
    const damaged = await redis.cutLog();
    const report = await redis.recover({ onDamage: 'ask' }, async () => {
      await redis.answer(/Serve the .* in front of the damage/);
    });
    await serves(report);
    assert.ok(isKept(damaged, report.keptAside?.directory));
    const served = report.serving?.keys ?? 0;
    assert.ok(served > 0 && served < KEYS, `${served} keys`);
    assert.equal(report.decisions[0]?.answer, 'approved');
    assert.match(report.actionsDone.join(), /the log was cut at the damage in its middle, main was restarted/);
    assert.match(report.summary, /what stands behind byte [\d,]+ of \S+, in its middle, is left out: [\d,]+ bytes/);
    assert.match(report.summary, /how many seconds of writes these were cannot be told/);
    assert.doesNotMatch(report.summary, /damaged end|about 1 s|import PATH/);
    assert.match(report.toDo.join(), /bytes of commands among it, is kept and not served/);
  });

  it('with zeros at the end of its log, as a power failure leaves them: cuts them off a copy, and serves every key', async () => {
    await redis.stand({ config: WITH_LOG });
    const damaged = await redis.endLogInZeros();
    const starts = redis.starts();
    const report = await redis.recover({ onDamage: 'serve-empty' });
    await serves(report);
    assert.equal(report.failure, 'aof-damaged');
    assert.equal(report.serving?.keys, KEYS);
    assert.equal(redis.starts(), starts + 1, 'it was not started with the damage first');
    assert.match(report.serving?.warnings.join() ?? '', /4,096 bytes are cut/);
    assert.match(report.summary, /4,096 bytes/);
    assert.ok(isKept(damaged, report.keptAside?.directory));
    assert.deepEqual(report.toDo, []);
  });

  it('with a log whose tail is cut: serves, and says how many bytes are gone', async () => {
    await redis.stand({ config: WITH_LOG });
    await redis.ask('SET', 'last', 'write');
    await redis.kill();
    truncateSync(increment(), statSync(increment()).size - 5);
    const report = await redis.recover();
    await serves(report);
    assert.equal(report.failure, 'dead');
    assert.match(report.serving?.warnings.join() ?? '', /\d+ bytes/);
    assert.match(report.summary, /bytes/);
    assert.equal(await redis.ask('EXISTS', 'last'), 0);
    assert.equal(report.serving?.keys, KEYS);
  });

  it('whose manifest is lost: makes it again before a start writes over the files, and all keys are back', async () => {
    await redis.stand({ config: WITH_LOG });
    await redis.kill();
    rmSync(join(redis.dir, 'appendonlydir/appendonly.aof.manifest'));
    const left = filesIn(redis.dir);
    const starts = redis.starts();
    const report = await redis.recover();
    await serves(report);
    assert.equal(report.failure, 'aof-manifest-lost');
    assert.equal(redis.starts(), starts + 1);
    assert.equal(report.serving?.keys, KEYS);
    assert.ok(isKept(left, report.keptAside?.directory));
    assert.equal(report.data?.verdict, 'within-tolerance');
  });

  it('and came up empty beside its ignored dump.rdb: keeps that, and brings sessions back into the Redis that serves', async () => {
    await redis.stand({ config: { save: '3600 1' } });
    await save(redis.ask);
    await redis.kill();
    redis.configure(WITH_LOG);
    await redis.house.redis.restart();
    const ignored = new Map([...filesIn(redis.dir)].filter(([name]) => name === 'dump.rdb'));
    const runId = await redis.runId();
    const report = await redis.recover({}, () => redis.answer(/session/));
    await serves(report);
    assert.equal(report.failure, 'rdb-ignored');
    assert.equal(await redis.runId(), runId, 'it was restarted');
    assert.equal(restored(report), SESSIONS);
    assert.ok(isKept(ignored, report.keptAside?.directory), 'the next save writes over dump.rdb');
    assert.match(report.toDo.join(), /redis-backup import/);
  });
});
