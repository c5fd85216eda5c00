import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecoveryInput, RecoveryReport } from '../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const RECOVERY = {
  warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '3s' },
  askFor: '20s',
  restartEvery: '1s',
};

describe('A recovery', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes', appendfsync: 'always', 'auto-aof-rewrite-percentage': '0' } },
      instance: { recovery: RECOVERY },
      others: () => ({ elsewhere: { platform: { type: 'external' } } }),
    });
    await house.ask('EVAL', "for i=1,1000 do redis.call('SET', 'cache:'..i, 'x', 'EX', 3600) end", '0');
    for (let i = 0; i < 100; i++) await house.ask('SET', `session:${i}`, 'token', 'EX', '86400');
    await house.backup();
  });
  after(() => house?.close());

  const start = (input: Partial<RecoveryInput> = {}) =>
    house.client.workflow.start('recoverRedis', {
      workflowId: 'recover/main',
      taskQueue: 'redis-ops',
      args: [{ instance: 'main', ...input }],
    });
  const recover = async (input: Partial<RecoveryInput> = {}) => (await (await start(input)).result()) as RecoveryReport;
  const pid = async () => Number(/process_id:(\d+)/.exec(String(await house.ask('INFO', 'server')))?.[1]);
  const kill = async () => {
    process.kill(await pid(), 'SIGKILL');
    await until(async () => !(await house.ask('PING').then(yes, no)), { what: 'Redis is gone' });
  };
  const directory = async () => join(String(((await house.ask('CONFIG', 'GET', 'dir')) as string[])[1]), 'appendonlydir');

  it('restarts a Redis that was killed, and loses nothing', async () => {
    await kill();
    const report = await recover();
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(report.failure, 'dead');
    assert.equal(report.data?.verdict, 'within-tolerance');
    assert.equal(await house.ask('DBSIZE'), 1100);
  });

  it('starts empty when the log is damaged, keeps it, and brings the sessions back when a person approves', async () => {
    const log = await directory();
    await kill();
    const file = join(log, readdirSync(log).find((name) => name.endsWith('incr.aof')) ?? '');
    const bytes = readFileSync(file);
    bytes.fill(0x58, bytes.length >> 1, (bytes.length >> 1) + 40);
    writeFileSync(file, bytes);
    const running = await start({ onDamage: 'serve-empty' });
    await until(async () => (await running.query<{ question?: object }>('status')).question !== undefined, {
      what: 'a question',
      seconds: 60,
    });
    const { question } = await running.query<{ question: { plan: string; text: string } }>('status');
    assert.match(question.text, /session/);
    assert.equal(await house.ask('SET', 'served', 'meanwhile'), 'OK');
    await running.executeUpdate('approve', { args: [{ by: 'ann', plan: question.plan }] });
    const report = (await running.result()) as RecoveryReport;
    assert.equal(report.failure, 'aof-damaged');
    assert.equal(report.restored?.find(({ name }) => name === 'sessions')?.restored, 100);
    assert.ok(report.keptAside);
  });

  it('touches nothing of a Redis that only the protocol reaches, and goes on when a person has started it', async () => {
    const seen = house.steps.length;
    await kill();
    const running = await house.client.workflow.start('recoverRedis', {
      workflowId: 'recover/elsewhere',
      taskQueue: 'redis-ops',
      args: [{ instance: 'elsewhere', restore: 'never' }],
    });
    const page = () => running.query<RunbookStatus>('status');
    await until(async () => (await page()).now.includes('only a person can help'), { what: 'advice', seconds: 30 });
    assert.equal(await house.ask('PING').then(yes, no), false, 'it was not started');
    await house.redis.restart();
    const report = (await running.result()) as RecoveryReport;
    assert.equal(report.outcome, 'serving', report.summary);
    assert.deepEqual(report.actionsDone, []);
    assert.ok(!house.steps.slice(seen).some((step) => ['startOnce', 'setAside', 'startEmpty'].includes(step)));
  });
});

const yes = () => true;
const no = () => false;
