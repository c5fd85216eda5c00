import assert from 'node:assert/strict';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

describe('A Temporal that comes back without its memory', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({ redis: { config: { appendonly: 'yes' } }, instance: { archive: {}, watch: {} } });
    await house.ask('SET', 'kept', 'whole');
    assert.equal((await house.command('backup', 'main')).code, 0);
  });
  after(() => house?.close());

  it('is told from a fault in redis-backup by whoever follows an operation', async () => {
    await house.killWorker();
    await house.startWorker('hold:storeSnapshot');
    const begun = house.steps.length;
    const running = house.command('backup', 'main');
    await until(() => house.steps.slice(begun).includes('storeSnapshot'), { what: 'the snapshot' });
    await house.temporal.forget();
    const { code, stderr } = await running;
    assert.equal(code, 55, stderr);
    assert.match(stderr, /^error: Temporal answers, and knows nothing of backup\/main/m);
    assert.match(stderr, /^next: .*check --apply/m);
  });

  it('gets its search attributes from the worker that lived, and Redis is brought back', async () => {
    await house.temporal.forget();
    await house.redis.kill('SIGKILL');
    const handle = await house.client.workflow.start('recoverRedis', {
      workflowId: 'recover/main',
      taskQueue: 'redis-ops',
      args: [{ instance: 'main' }],
    });
    await until(async () => (await house.ask('GET', 'kept').catch(() => '')) === 'whole', { what: 'Redis serves' });
    await handle.cancel().catch(() => undefined);
  });

  it('check names the schedule, the archive and the watcher that it has forgotten, and --apply starts them', async () => {
    await house.temporal.forget();
    const { stdout } = await house.command('check', 'main');
    for (const lack of ['there is no schedule redis-backup-main', 'archive/main does not run', 'watch/main does not run'])
      assert.ok(stdout.includes(lack), stdout);
    const applied = await house.command('check', 'main', '--apply');
    for (const made of ['created redis-backup-main', 'started archive/main', 'started watch/main'])
      assert.ok(applied.stdout.includes(made), applied.stdout);
    const again = await house.command('check', 'main');
    assert.match(again.stdout, /^ok {7}main watcher: watch\/main runs/m);
  });
});
