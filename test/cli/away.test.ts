import assert from 'node:assert/strict';
import { Context } from '@temporalio/activity';
import { freePort } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { Captured, openSite } from './support/command.ts';
import { useStage } from './support/stage.ts';

/** As far as these tests read it. */
const STORED = { outcome: 'stored', instance: 'main', backups: [], retention: { removed: [] } };

describe('A command whose worker or Temporal is away', function () {
  this.timeout(60_000);
  const on = useStage();

  it('says that no worker is there, and goes on when one comes', async () => {
    await on.stage.stopWorker();
    on.stage.play = async () => STORED;
    const stderr = new Captured();
    const running = on.site.run('backup', { stderr });
    const planned = new Captured();
    const leave = new AbortController();
    const planning = on.site.run('restore --plan', { stderr: planned, interrupt: leave.signal });
    await until(() => planned.text.includes('no worker polls redis-ops'), { what: 'a word about the worker' });
    assert.match(planned.text, /; without any: --direct, on the machine of the Redis$/m);
    leave.abort();
    assert.equal((await planning).code, 130);
    await until(() => stderr.text.includes('no worker'), { what: 'a word about the worker' });
    const start = `redis-backup worker --config ${on.site.configFile}`;
    const waiting = `backup/main: waiting: no worker polls redis-ops; start one with \`${start}\``;
    assert.ok(stderr.text.split('\n').includes(waiting), stderr.text);
    await on.stage.startWorker();
    assert.equal((await running).code, 0);
  });

  for (const command of ['recover', 'recover --json', 'recover --dry-run'])
    it(`ends ${command} within seconds when no worker is there, and the recovery stays started`, async () => {
      await on.stage.stopWorker();
      const { code, stdout, stderr } = await on.site.run(command);
      const handle = on.stage.client.workflow.getHandle(command.includes('dry') ? 'plan/main/recovery' : 'recover/main');
      try {
        assert.equal(code, 54, stderr);
        assert.match(stderr, / is started, but no worker polls for it/);
        assert.match(stderr, /a worker that comes does it/);
        assert.match(stderr, /temporal workflow cancel --workflow-id \S*recover/);
        assert.equal(`${stdout}${stderr}`.split('waiting: no worker polls redis-ops').length - 1, 1, `${stdout}${stderr}`);
        assert.equal((await handle.describe()).status.name, 'RUNNING');
      } finally {
        await handle.terminate().catch(() => undefined);
        await on.stage.startWorker();
      }
    });

  it('sends a recovery nothing while no worker answers for it, and says how Temporal keeps a cancel', async () => {
    await on.stage.stopWorker();
    const handle = await on.stage.client.workflow.start('recoverRedis', {
      ...{ workflowId: 'recover/main', taskQueue: 'redis-ops', args: [{ instance: 'main' }] },
    });
    try {
      const { code, stderr } = await on.site.run('recover --abort enough');
      assert.equal(code, 54, stderr);
      assert.match(stderr, /^error: abort was not sent: no worker answers for recover\/main$/m);
      assert.match(stderr, /temporal workflow cancel --workflow-id recover\/main/);
    } finally {
      await handle.terminate();
      await on.stage.startWorker();
    }
  });

  it('says of a recovery that is watched that its worker went away, and shows it on when one comes', async () => {
    on.stage.play = () => Context.current().cancelled;
    const stderr = new Captured();
    const running = on.site.run('recover', { stderr });
    await until(() => stderr.text.includes('10:42:07 began'), { what: 'the page' });
    await on.stage.stopWorker();
    await until(() => /^recover\/main: waiting: no worker /m.test(stderr.text), { what: 'a word about the worker' });
    on.stage.play = async () => ({ outcome: 'joined', because: 'the test' });
    await on.stage.startWorker();
    const { code, stdout } = await running;
    assert.equal(code, 0, stderr.text);
    assert.equal(stdout, 'joined: the test\n');
  });

  it('goes on through a restart of Temporal', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    on.stage.play = async () => {
      await opened;
      return STORED;
    };
    const stderr = new Captured();
    const running = on.site.run('backup', { stderr });
    const isRunning = async () => (await on.stage.client.workflow.getHandle('backup/main').describe()).status.name === 'RUNNING';
    await until(isRunning, { what: 'the backup' });
    await on.stage.temporal.kill();
    await until(() => stderr.text.includes('Temporal does not answer'), { what: 'a word about Temporal' });
    await on.stage.temporal.start();
    open();
    const { code } = await running;
    assert.equal(code, 0, stderr.text);
  });

  it('says within seconds that Temporal is down, and what to do without it', async () => {
    const port = await freePort();
    await using lonely = await openSite(
      `temporal: { address: "127.0.0.1:${port}" }\ninstances: { main: { url: redis://127.0.0.1:1 } }`,
    );
    const SAYS = {
      backup: /^next: Start it, or name it by temporal.address or TEMPORAL_ADDRESS.$/m,
      'restore --plan':
        /TEMPORAL_ADDRESS. To restore without it, on the machine of the Redis: `redis-backup restore INSTANCE --direct`.$/m,
      recover:
        /TEMPORAL_ADDRESS. Nobody recovers without it, but Redis starts without it: read its log, .* start it as its machine does/m,
    };
    for (const [command, next] of Object.entries(SAYS)) {
      const { code, stderr } = await lonely.run(command);
      assert.equal(code, 55);
      assert.match(stderr, new RegExp(`^error: Temporal at 127.0.0.1:${port} does not answer: `));
      assert.match(stderr, next);
      if (command === 'recover') assert.doesNotMatch(stderr, /restore/);
    }
  });

  it('names a namespace that Temporal does not have', async () => {
    const { address } = on.stage.temporal;
    await using wrong = await openSite(
      `temporal: { address: "${address}", namespace: prod }\ninstances: { main: { url: redis://127.0.0.1:1 } }`,
    );
    assert.deepEqual(await wrong.run('backup'), {
      code: 55,
      stdout: '',
      stderr: `error: Temporal at ${address} has no namespace "prod"\nnext: Correct temporal.namespace, or run: temporal operator namespace create --address ${address} --namespace prod\n`,
    });
  });
});
