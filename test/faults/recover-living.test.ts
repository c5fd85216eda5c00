import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FailureClass } from '../../model/recovery/failure-classes.ts';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import { freePort, save } from '../support/redis-server.ts';
import { skipWithout } from '../support/skip-without.ts';
import { beatOf } from '../support/stored-backups.ts';
import { KEYS, quickRecovery, SESSIONS, type Stand, Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

/** Failures of a Redis whose process lives: a restart of most of them loses what still works. */
describe('A recovery of a Redis that lives', function () {
  this.timeout(180_000);
  let redis: Troubled;
  const shop = createServer((_, response) => response.end('ok'));
  before(async () => {
    shop.listen(0, '127.0.0.1');
    await once(shop, 'listening');
    const health = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/health`;
    const far = {
      url: `redis://127.0.0.1:${await freePort()}`,
      platform: undefined,
      applications: [{ kind: 'http', name: 'shop', url: health }],
    };
    redis = await Troubled.open({
      instance: { recovery: quickRecovery({ askFor: '4s' }) },
      others: () => ({ far }),
    });
  });
  after(async () => {
    await redis?.close();
    shop.close();
  });

  let runId = '';
  const stand = async (how: Stand = {}) => {
    await redis.stand(how);
    runId = await redis.runId();
  };
  /** Nobody has touched the process. */
  const untouched = async (report: RecoveryReport, failure: FailureClass, outcome: RecoveryReport['outcome']) => {
    assert.equal(report.failure, failure, report.summary);
    assert.equal(report.outcome, outcome, report.summary);
    assert.equal(await redis.runId(), runId, 'it was restarted');
    assert.equal(report.keptAside, undefined);
  };

  it('whose disk is full: never restarts it, and goes on by itself when somebody makes room', async function () {
    try {
      await stand({ config: { appendonly: 'yes' }, diskBytes: 3 << 20 });
    } catch (error) {
      if ((error as { path?: string }).path !== 'mount' && !/mount/.test(String(error))) throw error;
      return skipWithout('mount', this);
    }
    const filler = join(redis.dir, 'filler');
    assert.throws(() => writeFileSync(filler, Buffer.alloc(4 << 20)), { code: 'ENOSPC' });
    const big = 'x'.repeat(9000);
    await until(async () => (await redis.says('SET', 'a', big)).includes('MISCONF'), { what: 'MISCONF', seconds: 10 });
    const report = await redis.recover({}, async () => {
      await redis.untilNow(/only a person can help: Make room/);
      assert.equal(await redis.says('GET', 'session:1'), 'x');
      rmSync(filler);
    });
    await untouched(report, 'disk-full', 'serving');
    assert.deepEqual(report.actionsDone, []);
    assert.equal(await redis.says('SET', 'a', 'b'), 'OK');
    assert.equal(report.data?.verdict, 'within-tolerance');
  });

  it('full by its own limit: leaves it as it is, and names who can help', async () => {
    await stand();
    await redis.ask('CONFIG', 'SET', 'maxmemory', '100kb');
    const report = await redis.recover({}, async () => {
      await redis.untilNow(/only a person can help: Raise maxmemory/);
      assert.equal(await redis.says('GET', 'session:1'), 'x');
    });
    await untouched(report, 'memory-full', 'not-serving');
    assert.match(report.toDo.join(), /Raise maxmemory/);
    assert.match(report.summary, /main does not serve as it should: reads are answered/);
    assert.match(report.assessment.clients, /Reads are answered/);
    await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
  });

  it('full of connections: waits until there is room, and closes none', async () => {
    await stand({ config: { maxclients: '10' } });
    const clients: RedisClient[] = [];
    const fill = async () => {
      clients.push(await openRedis(redis.house.redis.connection));
      return clients.length === 10;
    };
    await until(() => fill().catch(() => false), { what: 'all connections are ours, and none of a look that ends' });
    const report = await redis.recover({}, async () => {
      await redis.untilNow(/only a person can help: Find who holds the connections/);
      assert.equal(await clients[0]?.command('GET', 'session:1'), 'x');
      for (const client of clients) client.close();
    });
    await untouched(report, 'clients-full', 'serving');
    assert.deepEqual(report.actionsDone, []);
  });

  it('with another password: asks for it and touches nothing', async () => {
    await stand();
    using client = await openRedis(redis.house.redis.connection);
    await client.command('CONFIG', 'SET', 'requirepass', 'rotated');
    const report = await redis.recover();
    assert.equal(report.failure, 'password-refused');
    assert.equal(report.outcome, 'not-serving');
    assert.match(report.toDo.join(), /Check the password/);
    assert.deepEqual(report.actionsDone, []);
    assert.equal(await client.command('GET', 'session:1'), 'x');
    await client.command('CONFIG', 'SET', 'requirepass', '');
    assert.equal(await redis.runId(), runId);
  });

  it('blocked by a script: ends it when a person approves', async () => {
    await stand({ config: { 'busy-reply-threshold': '50' } });
    const endless = redis.says('EVAL', 'while true do end', '0');
    const report = await redis.recover({}, () => redis.answer(/running script be ended/));
    await untouched(report, 'script-busy', 'serving');
    assert.match(await endless, /killed/i);
    assert.deepEqual(report.actionsDone, ['the script was ended']);
    assert.equal(report.serving?.keys, KEYS);
  });

  it('blocked by a script: asks once, and leaves it alone when nobody answers', async () => {
    await stand({ config: { 'busy-reply-threshold': '50' } });
    const endless = redis.says('EVAL', 'while true do end', '0');
    const report = await redis.recover();
    assert.equal(report.failure, 'script-busy');
    assert.equal(report.outcome, 'not-serving');
    assert.deepEqual(
      report.decisions.map(({ answer }) => answer),
      ['nobody answered'],
    );
    assert.match(report.toDo.join(), /End the script/);
    await redis.ask('SCRIPT', 'KILL');
    await endless;
    assert.equal(await redis.runId(), runId);
  });

  it('that answers nobody: restarts it by kill -9 when a person approves', async () => {
    await stand({ config: { appendonly: 'yes' } });
    await redis.house.redis.kill('SIGSTOP');
    const report = await redis.recover({}, async () => {
      await redis.answer(/runs and answers nobody/);
      await redis.answer(/End it by kill -9/);
    });
    assert.equal(report.failure, 'silent');
    assert.equal(report.outcome, 'serving', report.summary);
    assert.notEqual(await redis.runId(), runId);
    assert.deepEqual(report.actionsDone, ['main was restarted']);
    assert.equal(report.serving?.keys, KEYS);
  });

  it('that answers nobody: leaves it as it is when a person declines, and goes on when it comes back', async () => {
    await stand();
    await redis.house.redis.kill('SIGSTOP');
    const report = await redis.recover({}, async () => {
      await redis.answer(/runs and answers nobody/, true);
      await redis.house.redis.kill('SIGCONT');
    });
    await untouched(report, 'silent', 'serving');
    assert.equal(report.decisions.length, 1);
  });

  it('that loads for long: waits, says how long it takes, and starts nothing anew', async () => {
    await stand({ config: { save: '3600 1' } });
    await save(redis.ask);
    await redis.kill();
    redis.configure({ 'key-load-delay': '4000', 'loading-process-events-interval-bytes': '1024' });
    const starts = redis.starts();
    await redis.house.redis.restart('connected');
    let told: Awaited<ReturnType<typeof beatOf>>;
    const report = await redis.recover({}, async () => {
      assert.match(await redis.says('GET', 'session:1'), /LOADING|loading/);
      await until(
        async () => {
          told = await beatOf(redis.house, 'recover/main');
          return told?.etaSeconds !== undefined;
        },
        { what: 'an ETA', seconds: 10 },
      );
    });
    assert.equal(report.failure, 'loading');
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(redis.starts(), starts + 1);
    assert.equal(report.serving?.keys, KEYS);
    assert.match(report.summary, /It was loading|loading its data/);
  });

  it('that follows a primary which is gone: makes it one when a person approves', async () => {
    await stand();
    const gone = await freePort();
    await redis.ask('REPLICAOF', '127.0.0.1', `${gone}`);
    const report = await redis.recover({}, async () => {
      assert.match(await redis.says('SET', 'a', 'b'), /READONLY/);
      await redis.answer(/May it be made a primary/);
    });
    await untouched(report, 'read-only', 'serving');
    assert.deepEqual(report.actionsDone, ['main is a primary again']);
    assert.equal(report.serving?.keys, KEYS);
  });

  it('and only its worker is cut off: touches nothing', async () => {
    await stand();
    const report = await redis.recover({ instance: 'far' });
    await untouched(report, 'cut-off', 'serving');
    assert.deepEqual([report.actionsDone, report.snapshot, report.data], [[], undefined, undefined]);
    assert.match(report.summary, /only this worker cannot reach/);
    assert.match(report.toDo.join(), /Look at the network/);
    assert.equal(report.applications[0]?.verdict, 'connected');
    assert.equal(await redis.ask('DBSIZE'), KEYS);
    assert.ok(SESSIONS);
  });
});
