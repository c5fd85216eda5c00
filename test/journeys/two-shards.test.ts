import assert from 'node:assert/strict';
import { openRedis } from '../../redis/client/client.ts';
import { TwoShards } from '../support/two-shards.ts';
import { until } from '../support/until.ts';

describe('An instance of two Redis', function () {
  this.timeout(120_000);
  let two: TwoShards;
  before(async () => {
    two = await TwoShards.open();
  });
  after(() => two?.[Symbol.asyncDispose]());

  /** Over a connection of its own: a restore starts another process. */
  const ask = async (at: 0 | 1, ...args: string[]): Promise<unknown> => {
    using client = await openRedis(two.redis[at].connection);
    return await client.command(...args);
  };
  const runIdOf = async (at: 0 | 1) => /run_id:(\w+)/.exec(String(await ask(at, 'INFO', 'server')))?.[1];
  const statusOf = (workflowId: string) =>
    two.client.workflow.getHandle(workflowId).query<{ instance: string; phase: string; rpo?: object }>('status');

  it('has each of them stored by one backup, and list, status and show name them', async () => {
    await ask(0, 'MSET', 'first:1', 'a', 'first:2', 'b');
    await ask(1, 'SET', 'second:1', 'c');
    const { code, stdout, stderr } = await two.command('backup', 'main');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^stored main\/0 \S+: 2 keys, .*\nstored main\/1 \S+: 1 key, /m);
    const list = await two.command('list', 'main');
    assert.match(list.stdout, /^0\/\d{8}T\d{6}Z .*\n1\/\d{8}T\d{6}Z /m);
    assert.doesNotMatch((await two.command('list', 'main/1')).stdout, /^0\//m);
    assert.deepEqual(Object.keys(await two.figure('redis_backup_last_backup_age_seconds')), ['main/0', 'main/1']);
    const status = await two.command('status');
    assert.match(
      status.stdout,
      /^REDIS BACKUP \w+ - main\/0: last good backup .*\nREDIS BACKUP \w+ - main\/1: last good backup /,
    );
    assert.match((await two.command('show', 'main/1')).stdout, /^main\/1 \S+\n[\s\S]*keys +1, /);
  });

  it('has one stored while the other refuses us, and the backup is called failed', async () => {
    await two.redis[0].command('CONFIG', 'SET', 'requirepass', 'hunter2'); // over a connection that stays
    try {
      const { code, stderr } = await two.command('backup', 'main');
      assert.notEqual(code, 0);
      assert.match(stderr, /AUTH|password/i);
    } finally {
      await two.redis[0].command('CONFIG', 'SET', 'requirepass', '');
    }
    const rowsOf = async (name: string) => (await two.command('list', name)).stdout.match(/^(\d\/)?\d{8}T\d{6}Z /gm)?.length;
    assert.deepEqual([await rowsOf('main/0'), await rowsOf('main/1')], [1, 2]);
  });

  it('is told which of them a command is about, or refuses it by name', async () => {
    for (const command of ['restore main --plan', 'recover main', 'watch main', 'archive main', 'show main', 'clone main']) {
      const { code, stderr } = await two.command(...command.split(' '));
      assert.equal(code, 2, `${command}: ${stderr}`);
      assert.match(stderr, /main has several shards\n.*Name one of its shards: main\/0 and main\/1\./, command);
    }
    const { stderr } = await two.command('restore', 'main/7', '--plan');
    assert.match(stderr, /main has no shard "7"\n.*main\/0 and main\/1/);
  });

  it('is followed by an archiver for each, and check and archive name them', async () => {
    for (const name of ['main/0', 'main/1'] as const) {
      const { stdout } = await two.command('archive', name);
      assert.match(stdout, new RegExp(`^started archive/${name};`));
      await until(async () => (await statusOf(`archive/${name}`)).rpo !== undefined, {
        what: `${name} is followed`,
        seconds: 60,
      });
      assert.match((await two.command('archive', name, '--status')).stdout, new RegExp(`^archive of ${name}: follow\n`));
    }
    assert.deepEqual(await two.figure('redis_backup_archive_following'), { 'main/0': 1, 'main/1': 1 });
    const { stdout, stderr } = await two.command('check', 'main');
    assert.equal(stderr, '');
    for (const name of ['main/0', 'main/1']) {
      assert.match(stdout, new RegExp(`^ok +${name} archiver: archive/${name} runs and answers`, 'm'));
      assert.match(stdout, new RegExp(`^failed +${name} watcher: watch/${name} does not run`, 'm'));
    }
  });

  it('has one restored, and the other is not touched', async () => {
    const before = [await runIdOf(0), await runIdOf(1)];
    await ask(0, 'SET', 'first:3', 'stays');
    await ask(1, 'SET', 'second:2', 'goes');
    const plan = await two.command('restore', 'main/1', '--plan');
    assert.match(plan.stdout, /^Restore main\/1 from backup /);
    assert.match(plan.stdout, /redis-backup restore main\/1 \S+ .*--expect-plan/);
    const { code, stdout, stderr } = await two.command('restore', 'main/1', '--yes');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^restored main\/1 from /);
    assert.deepEqual([await ask(0, 'GET', 'first:3'), await ask(1, 'GET', 'second:2')], ['stays', null]);
    assert.equal(await runIdOf(0), before[0], 'the other was not restarted');
    assert.notEqual(await runIdOf(1), before[1]);
  });

  it('has each watched and recovered under an id of its own', async () => {
    for (const name of ['main/0', 'main/1']) await two.command('watch', name);
    await until(async () => (await statusOf('watch/main/1')).phase === 'watching', { what: 'it is watched' });
    const { code, stdout, stderr } = await two.command('recover', 'main/1', '--dry-run');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /main\/1/);
    const runId = await runIdOf(0);
    await two.redis[1].kill('SIGKILL').catch(() => undefined);
    const pid = Number(/process_id:(\d+)/.exec(String(await ask(1, 'INFO', 'server').catch(() => '')))?.[1]);
    if (pid) process.kill(pid, 'SIGKILL');
    const recovered = await two.command('recover', 'main/1', '--restore', 'never');
    assert.equal(recovered.code, 0, recovered.stderr);
    assert.equal((await two.client.workflow.getHandle('recover/main/1').describe()).status.name, 'COMPLETED');
    assert.equal(await ask(1, 'GET', 'second:1'), 'c');
    assert.equal(await runIdOf(0), runId);
  });
});
