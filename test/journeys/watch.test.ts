import assert from 'node:assert/strict';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import type { WatchStatus } from '../../model/watch/watch.ts';
import { House } from '../support/house.ts';
import { freePort } from '../support/temporal.ts';
import { until } from '../support/until.ts';

const TOKEN = 'a-token-of-a-journey';

describe('An outage at night', function () {
  this.timeout(180_000);
  let house: House;
  let metricsPort: number;
  let webhookPort: number;
  before(async () => {
    process.env.JOURNEY_TOKEN = TOKEN; // as the environment of a service has it
    metricsPort = await freePort();
    webhookPort = await freePort();
    house = await House.open({
      instance: {
        watch: { every: '1s', after: '2s' },
        recovery: { askFor: '1s', warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '1s' } },
      },
      worker: { metrics: { port: metricsPort }, webhook: { port: webhookPort, token: { env: 'JOURNEY_TOKEN' } } },
    });
  });
  after(async () => {
    delete process.env.JOURNEY_TOKEN;
    await house?.close();
  });

  const status = async () => JSON.parse((await house.command('watch', '--status', '--json')).stdout) as WatchStatus;
  const untilPhase = (phase: string) =>
    until(async () => (await house.client.workflow.getHandle('watch/main').query<WatchStatus>('status')).phase === phase, {
      what: phase,
      seconds: 30,
    });
  const metrics = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const alert = async (fingerprint: string) => {
    const alerts = [{ status: 'firing', labels: { alertname: 'RedisDown', redis_instance: 'main' }, fingerprint, startsAt: '2026-08-01T10:42:07Z' }]; // biome-ignore format: one alert
    const response = await fetch(`http://127.0.0.1:${webhookPort}/alert`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ version: '4', alerts }),
    });
    assert.equal(response.status, 200);
    return ((await response.json()) as { alerts: { answer: string }[] }).alerts.map(({ answer }) => answer);
  };

  it('is watched for when somebody has said so, once', async () => {
    assert.equal(
      (await house.command('watch', '--status')).stderr,
      'error: nobody watches main\nnext: Start it with `redis-backup watch main`.\n',
    );
    assert.match((await house.command('watch')).stdout, /^started watch\/main/);
    assert.match((await house.command('watch')).stdout, /^watch\/main runs already/);
    await until(async () => (await status()).text === 'Redis serves.', { what: 'it looks' });
    assert.match(await metrics(), /redis_backup_watch_failing\{instance="main"\} 0/);
    assert.deepEqual(await alert('early'), ['not confirmed']);
  });

  it('leads to a question, which an alert does not repeat, and which is over when Redis serves again', async () => {
    await house.redis.kill('SIGKILL');
    await untilPhase('asks');
    const { stdout } = await house.command('watch', '--status');
    assert.match(stdout, /^watch of main: asks\n {2}Redis main has failed since .*Start its recovery\?\n/);
    assert.match(stdout, /\n {2}platform: fails, there is no process on here\n/);
    const [, incident = ''] =
      /\n {2}yes: redis-backup watch main --approve (\S+)\n {2}no: {2}redis-backup watch main --decline \S+\n/.exec(stdout) ?? [];
    assert.match(incident, /^\d{8}T\d{6}Z$/, stdout);
    const other = await house.command('watch', '--approve', '20200101T000000Z');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /^error: approve was refused: the question is about incident \d{8}T\d{6}Z\n/);
    assert.match(await metrics(), /redis_backup_watch_failing\{instance="main"\} 1/);
    assert.deepEqual([await alert('f00d'), await alert('f00d')], [['asked'], ['already handled']]);
    const declined = await house.command('watch', '--decline', incident, '--by', 'ann');
    assert.equal(declined.stdout, 'A recovery is held back: declined by ann until it has served again.\n');
    await house.redis.restart();
    await untilPhase('watching');
  });

  it('starts a recovery by itself where that is configured', async () => {
    await house.reconfigure(({ instances }) => {
      instances.main = { ...instances.main, watch: { mode: 'auto', every: '1s', after: '2s' } };
    });
    await house.redis.kill('SIGKILL');
    await until(async () => house.client.workflow.getHandle('recover/main').describe().then(() => true, () => false), { what: 'a recovery' }); // biome-ignore format: one condition
    await until(async () => (await metrics()).includes('redis_backup_watch_recoveries_started_total{instance="main"} 1'), {
      what: 'it is counted',
    });
    const report = (await house.client.workflow.getHandle('recover/main').result()) as RecoveryReport;
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(await house.ask('PING'), 'PONG');
  });

  it('is watched for no longer when somebody has said so', async () => {
    assert.equal((await house.command('watch', '--stop')).stdout, 'watch/main ends\n');
    await until(async () => (await house.command('watch', '--status')).code === 60, { what: 'it has ended' });
    assert.equal((await house.command('watch', '--stop')).stdout, 'watch/main does not run\n');
  });
});
