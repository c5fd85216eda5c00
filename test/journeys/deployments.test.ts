import assert from 'node:assert/strict';
import { TARGET, type Target } from '../../model/deployment.ts';
import type { RestoreReport } from '../../model/operations.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

/** Keys of a house, by number. */
const populate = (house: House, keys: number) => house.ask('DEBUG', 'POPULATE', String(keys), 'key', '10');

describe('Two configurations in one namespace, both with an instance main', function () {
  this.timeout(180_000);
  let production: House;
  let staging: House;
  before(async () => {
    production = await House.open();
    staging = await House.open({ beside: production, withWorker: false });
    await populate(production, 300);
    await populate(staging, 20);
  });
  after(async () => {
    await staging?.close();
    await production?.close();
  });

  const addressOf = (house: House) => `main at 127.0.0.1:${house.redis.port}`;

  it('a worker that finds another one on its queues ends, and names both', async () => {
    await assert.rejects(staging.startWorker(), ({ message }: Error) => {
      assert.match(message, /DEPLOYMENT_DIFFERS|polls redis-ops and means/);
      for (const house of [production, staging]) assert.ok(message.includes(addressOf(house)), message);
      return true;
    });
  });

  it('a command whose configuration no worker has is refused, names both, and starts nothing', async () => {
    for (const command of ['restore main --yes', 'backup main', 'recover main', 'schedules main']) {
      const { code, stderr } = await staging.command(...command.split(' '));
      assert.equal(code, 64, `${command}: ${stderr}`);
      for (const house of [production, staging]) assert.ok(stderr.includes(addressOf(house)), stderr);
    }
    assert.equal(await production.ask('DBSIZE'), 300);
  });

  it('check names the worker and what it means', async () => {
    const { stdout } = await staging.command('check', 'main');
    assert.match(stdout, /^failed {3}worker: worker here:\d+ on \S+ polls redis-ops and means main at 127\.0\.0\.1:\d+ on here/m);
    assert.match(
      (await production.command('check', 'main')).stdout,
      /^ok {7}worker: worker here:\d+ on \S+ has this configuration \([0-9a-f]+\)$/m,
    );
  });

  it('a step that comes to a worker of another one touches nothing, and goes on where it belongs', async () => {
    const wanted: Target = { ...(await targetOf(production)), address: `127.0.0.1:${staging.redis.port}` };
    const args = [{ instance: 'main' }];
    const options = { workflowId: 'backup/strayed', taskQueue: 'redis-ops', args, memo: { [TARGET]: wanted } };
    const handle = await production.client.workflow.start('backupSnapshot', options);
    let problem = '';
    await until(
      async () => {
        const { pendingActivities } = (await handle.describe()).raw;
        problem = pendingActivities?.find(({ lastFailure }) => lastFailure)?.lastFailure?.message ?? '';
        return problem !== '';
      },
      { what: 'a refusal' },
    );
    assert.ok(problem.includes(`is for main at ${wanted.address} on here`) && problem.endsWith('Nothing was touched'), problem);
    assert.ok(problem.includes(addressOf(production)), problem);
    await handle.cancel();
    await assert.rejects(handle.result());
  });

  it('what was started without a word of it belongs to the worker that took its first step, and is not joined by another', async () => {
    await production.killWorker();
    await production.startWorker('hold:storeSnapshot');
    const begun = production.steps.length;
    const running = production.backup().catch(() => undefined);
    await until(async () => production.steps.slice(begun).includes('storeSnapshot'), { what: 'its first step' });
    assert.equal((await targetOf(production, 'backup/main')).address, `127.0.0.1:${production.redis.port}`);
    await production.killWorker();
    await staging.startWorker();
    const { code, stderr } = await staging.command('backup', 'main');
    assert.equal(code, 64, stderr);
    assert.match(stderr, /backup\/main is for main at .*; this configuration means main at /);
    await production.client.workflow.getHandle('backup/main').terminate('test');
    await running;
    await staging.killWorker();
    await production.startWorker();
    await until(async () => !(await production.isLocked()), { what: 'the lock' });
  });

  it('with a name of their own share nothing: not a queue, a lock or a schedule', async () => {
    await staging.reconfigure((config) => Object.assign(config, { deployment: 'staging' }));
    await staging.command('backup', 'main');
    await populate(staging, 25);
    const { code, stderr } = await staging.command('restore', 'main', '--yes');
    assert.equal(code, 0, stderr);
    assert.deepEqual([await staging.ask('DBSIZE'), await production.ask('DBSIZE')], [20, 300]);
    const handle = production.client.workflow.getHandle('staging:restore/main');
    assert.equal(((await handle.result()) as RestoreReport).outcome, 'restored');
    assert.equal((await production.client.workflow.getHandle('staging:lock/main').describe()).status.name, 'COMPLETED');
    await staging.command('schedules', 'main');
    const { action } = await production.client.schedule.getHandle('staging:redis-backup-main').describe();
    assert.equal((action as { taskQueue: string }).taskQueue, 'staging:redis-ops');
    assert.equal((await production.command('backup', 'main')).code, 0);
  });

  async function targetOf(house: House, workflowId?: string): Promise<Target> {
    const id = workflowId ?? 'backup/known';
    const options = { workflowId: id, taskQueue: 'redis-ops', args: [{ instance: 'main' }] };
    if (!workflowId) await house.client.workflow.execute('backupSnapshot', options);
    return (await house.client.workflow.getHandle(id).describe()).memo?.[TARGET] as Target;
  }
});
