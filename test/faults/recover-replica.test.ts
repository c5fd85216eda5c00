import assert from 'node:assert/strict';
import { readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { type RedisServer, save, startRedis } from '../support/redis-server.ts';
import { KEYS, quickRecovery, Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

const SIGTERM_BIT = 1n << 14n;

/** Whatever is ended and started: a replica that has more is not made to follow it, and none is let go for a start that is not allowed. */
describe('A recovery of a Redis whose replica is further', function () {
  this.timeout(180_000);
  let redis: Troubled;
  let replica: RedisServer;
  before(async () => {
    replica = await startRedis({ config: { 'repl-diskless-sync': 'yes' } });
    const replicas = [`127.0.0.1:${replica.port}`];
    redis = await Troubled.open({
      instance: {},
      others: () => ({
        doubled: { recovery: quickRecovery({ askFor: '8s', replicas }) },
        wary: { recovery: quickRecovery({ askFor: '8s', restartEvery: '1h', replicas }) },
      }),
    });
  });
  after(async () => {
    await redis?.close();
    await replica?.[Symbol.asyncDispose]();
  });

  const NEWER = 5;
  /** Its RDB has all but what was written last. */
  const stand = async (config: Record<string, string> = {}) => {
    await redis.stand({ config });
    await getAhead(config);
  };
  const getAhead = async (config: Record<string, string> = {}) => {
    await redis.ask('DEL', ...Array.from({ length: NEWER }, (_, n) => `newer:${n}`), 'written');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await replica.command('REPLICAOF', '127.0.0.1', `${redis.house.redis.port}`);
    await until(async () => (await replica.dbsize()) === KEYS, { what: 'the replica has all', seconds: 10 });
    if (config.appendonly !== 'yes') await save(redis.ask);
    for (let n = 0; n < NEWER; n++) await redis.ask('SET', `newer:${n}`, 'x'.repeat(100));
    await until(async () => (await replica.dbsize()) === KEYS + NEWER, { what: 'the replica has what is newer', seconds: 10 });
  };
  const roleOf = async (): Promise<string> => String(((await replica.command('ROLE')) as Buffer[])[0]);
  const keeps = async (report: RecoveryReport) => {
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(await redis.says('SET', 'written', 'here'), 'OK');
    assert.equal(await replica.dbsize(), KEYS + NEWER, 'the replica has lost what is newer');
    assert.equal(await roleOf(), 'master');
    assert.match(report.toDo.join(), /Replicas on their own now: 127\.0\.0\.1:\d+ \(1105 keys\)/);
  };

  it('and that answers nobody: lets the replica go before a kill -9 that a person approves', async () => {
    await stand({ save: '3600 1' });
    await redis.house.redis.kill('SIGSTOP');
    let asked = '';
    const report = await redis.recover({ instance: 'doubled' }, async () => {
      asked = (await redis.question(/runs and answers nobody/)).text;
      await redis.answer(/runs and answers nobody/);
      await redis.question(/End it by kill -9/);
      assert.equal(await roleOf(), 'slave', 'nobody has allowed the kill yet');
      await redis.answer(/End it by kill -9, and start it\? Replicas that are further no longer follow it then/);
    });
    assert.match(
      asked,
      /its RDB of \S+, which is older .* 127\.0\.0\.1:\d+ \(1,105 keys\) no longer follows doubled, and keeps its data/,
    );
    await keeps(report);
    assert.match(report.actionsDone.join('; '), /^detached .*; doubled was restarted$/);
  });

  it('and that answers nobody: leaves the replica as it is when the kill is declined', async () => {
    await stand({ save: '3600 1' });
    await redis.house.redis.kill('SIGSTOP');
    const report = await redis.recover({ instance: 'doubled' }, async () => {
      await redis.answer(/runs and answers nobody/);
      await redis.answer(/End it by kill -9/, true);
    });
    assert.equal(report.outcome, 'not-serving', report.summary);
    assert.deepEqual(report.actionsDone, []);
    assert.equal(await roleOf(), 'slave');
  });

  for (const known of ['its own log names', 'a backup has seen']) {
    it(`and whose data is lost: offers the replica that ${known}, though nobody has configured it, and lets it go`, async () => {
      await stand({ appendonly: 'yes' });
      if (known === 'a backup has seen') await redis.house.backup();
      await redis.kill();
      rmSync(join(redis.dir, 'appendonlydir'), { recursive: true });
      if (known === 'a backup has seen') truncateSync(redis.house.redis.logFile);
      const report = await redis.recover({ onDamage: 'serve-empty', restore: 'never' }, async () => {
        await redis.answer(/127\.0\.0\.1:\d+ .*May it take over/, true);
      });
      await keeps(report);
      assert.match(report.actionsDone.join('; '), /^detached .*; main was restarted$/);
    });
  }

  it('and that hears the signal and saves nothing: lets the replica go before it is started', async () => {
    await stand({ save: '""' });
    const pid = await redis.pid();
    await redis.house.redis.kill('SIGSTOP');
    const report = await redis.recover({ instance: 'doubled' }, async () => {
      await redis.answer(/runs and answers nobody/);
      await until(() => (pendingSignals(pid) & SIGTERM_BIT) !== 0n, { what: 'it is told to end', seconds: 20 });
      await redis.house.redis.kill('SIGCONT');
    });
    await keeps(report);
  });

  it('and is down: leaves the replica as it is when another restart is declined', async () => {
    await stand({ save: '3600 1' });
    await redis.kill();
    await keeps(await redis.recover({ instance: 'wary' }));
    await getAhead();
    await redis.kill();
    const starts = redis.starts();
    const report = await redis.recover({ instance: 'wary' }, async () => {
      await redis.answer(/May it take over/, true);
      await redis.answer(/Restart it again/, true);
    });
    assert.equal(report.outcome, 'not-serving', report.summary);
    assert.equal(redis.starts(), starts);
    assert.equal(await roleOf(), 'slave', 'it was let go for a start that was declined');
  });

  it('and whose log ends in what a power failure leaves: lets the replica go before it is cut', async () => {
    await stand({ appendonly: 'yes' });
    await redis.endLogInZeros();
    const report = await redis.recover({ instance: 'doubled' });
    await keeps(report);
    assert.match(report.actionsDone.join('; '), /^detached .*; the damaged end of the log was cut off, doubled was restarted$/);
  });

  it('is not restored under it while it is down: the replica would copy what is restored', async () => {
    await stand({ save: '3600 1' });
    assert.equal((await redis.house.command('backup', 'doubled')).code, 0);
    await redis.kill();
    const starts = redis.starts();
    const refused = await redis.house.command('restore', 'doubled', '--yes');
    assert.match(refused.stderr, /127\.0\.0\.1:\d+ \(1,105 keys\) still follows doubled, which does not answer/);
    assert.equal(redis.starts(), starts);
    assert.equal(await replica.dbsize(), KEYS + NEWER);
    await replica.command('REPLICAOF', 'NO', 'ONE');
    const { code, stderr } = await redis.house.command('restore', 'doubled', '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await replica.dbsize(), KEYS + NEWER);
  });
});

const pendingSignals = (pid: number): bigint => {
  const [, bits = '0'] = /^ShdPnd:\s*(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return BigInt(`0x${bits}`);
};
