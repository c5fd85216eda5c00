import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { House } from '../support/house.ts';
import { killAtTheEnd } from '../support/processes.ts';
import { freePort } from '../support/temporal.ts';
import { until } from '../support/until.ts';

describe('redis-backup recover', function () {
  this.timeout(180_000);
  let house: House;
  let metricsPort: number;
  before(async () => {
    metricsPort = await freePort();
    house = await House.open({
      worker: { metrics: { port: metricsPort } },
      redis: { config: { appendonly: 'no', save: '' } },
      instance: {
        recovery: {
          askFor: '60s',
          restartEvery: '1s',
          warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '2s' },
        },
      },
    });
    await house.ask('EVAL', "for i=1,500 do redis.call('SET', 'session:'..i, 'token', 'EX', 86400) end", '0');
    await house.backup();
  });
  after(() => house?.close());

  const kill = async () => {
    const pid = Number(/process_id:(\d+)/.exec(String(await house.ask('INFO', 'server')))?.[1]);
    process.kill(pid, 'SIGKILL');
    await until(async () => !(await house.ask('PING').then(yes, no)), { what: 'Redis is gone' });
  };
  const status = () => house.client.workflow.getHandle('recover/main').query<RunbookStatus>('status');
  const asks = () =>
    until(async () => (await status().catch(() => undefined))?.question !== undefined, { what: 'a question', seconds: 30 });

  const isToldToAsk = async () =>
    (await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()).includes(
      'redis_backup_recovery_question_open{instance="main"} 1',
    );

  it('says what is wrong and what it would do, and does nothing', async () => {
    await kill();
    const { code, stdout } = await house.command('recover', '--dry-run');
    assert.equal(code, 0);
    assert.match(stdout, /^main: Redis is not running/);
    assert.match(stdout, /clients: Connections are refused/);
    assert.match(stdout, /a recovery would:\n {2}1\. Start Redis/);
    assert.equal(await house.ask('PING').then(yes, no), false);
  });

  it('brings it back, asks on the page, takes the answer of another terminal, and tells what was lost', async () => {
    const running = house.command('recover', '--by', 'ann');
    await asks();
    const { question } = await status();
    const wrong = await house.command('recover', '--approve', 'nonsense');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /plan "nonsense" is not what is asked now\nnext: Read the question again/);
    const watching = house.command('recover', '--watch', '--json');
    const right = await house.command('recover', '--approve', question?.plan ?? '', '--by', 'bob');
    assert.equal(right.code, 0, right.stderr);
    assert.match(right.stdout, /approved by bob/);
    const { code, stdout, stderr } = await running;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^main serves since .* 500 lost/);
    assert.match(stdout, /brought back: 500 sessions/);
    assert.match(stdout, /asked: .* approved by bob/);
    assert.match(stderr, /main was restarted/);
    const asked = new RegExp(
      `Bring sessions.* back .* By .* UTC, else: .*\\n +redis-backup recover main --approve ${question?.plan}   \\(no: --decline`,
    );
    assert.match(stderr, asked, 'who sees no page has read the question');
    assert.equal(stderr.split('\n').filter((line) => line.startsWith('Snapshot and log again: done in')).length, 1);
    const lines = (await watching).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    assert.equal(lines.at(-1)?.type, 'result');
    assert.equal((lines.at(-1) as unknown as RecoveryReport).outcome, 'serving');
    assert.ok(lines.some(({ type }) => type === 'runbook'));
  });

  it('lets an alert see that it waits for an answer, also after another worker has taken over', async () => {
    await house.ask('FLUSHALL');
    await kill();
    const args = [{ instance: 'main' }]; // not by the command: that one asks for the status again and again
    const recovery = await house.client.workflow.start('recoverRedis', {
      workflowId: 'recover/main',
      taskQueue: 'redis-ops',
      args,
    });
    await asks();
    assert.equal(await isToldToAsk(), true);
    await house.killWorker();
    await house.startWorker();
    await until(isToldToAsk, { what: 'the figure of the new worker', seconds: 40 });
    await house.command('recover', '--decline', (await status()).question?.plan ?? '', '--by', 'bob');
    assert.equal(await isToldToAsk(), false);
    await recovery.result();
  });

  it('is held, goes on and is aborted from another terminal', async () => {
    await house.ask('FLUSHALL');
    await kill();
    const running = house.command('recover');
    await asks();
    for (const [option, answer] of [
      ['--hold', /held/],
      ['--resume', /goes on/],
      ['--abort', /aborting/],
    ] as const) {
      const { code, stdout, stderr } = await house.command('recover', option, 'because', '--by', 'ann');
      assert.equal(code, 0, stderr);
      assert.match(stdout, answer);
    }
    const { code, stdout } = await running;
    assert.equal(code, 52);
    assert.match(stdout, /^Aborted by ann: because\. main serves\./);
  });

  it('says so when there is no recovery to speak to', async () => {
    const { code, stderr } = await house.command('recover', '--hold', 'because');
    assert.equal(code, 2);
    assert.match(stderr, /no recovery of main runs\nnext: Start one: redis-backup recover main/);
  });

  it('refuses two things at a time, and words that it does not know', async () => {
    assert.equal((await house.command('recover', '--hold', 'x', '--abort', 'y')).code, 2);
    assert.match(
      (await house.command('recover', '--on-damage', 'pray')).stderr,
      /--on-damage is "pray"\nnext: Use serve-empty or ask/,
    );
  });

  it('detaches on Ctrl-C, and the recovery goes on', async () => {
    await house.ask('FLUSHALL');
    await kill();
    const script = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
    const env = { ...process.env, REDIS_BACKUP_CONFIG: house.configFile };
    const child = killAtTheEnd(spawn(process.execPath, [script, 'recover'], { env, stdio: ['ignore', 'ignore', 'pipe'] }));
    let said = '';
    child.stderr?.on('data', (text) => {
      said += text;
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await asks();
    child.kill('SIGINT');
    assert.equal(await ended, 130, said);
    assert.equal((await status()).outcome, undefined);
    await house.command('recover', '--decline', (await status()).question?.plan ?? '');
    const report = (await house.client.workflow.getHandle('recover/main').result()) as RecoveryReport;
    assert.equal(report.outcome, 'serving');
    assert.equal(report.decisions[0]?.answer, 'declined');
  });
});

const yes = () => true;
const no = () => false;
