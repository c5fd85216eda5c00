import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { killAtTheEnd } from '../support/processes.ts';
import { freePort } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { Captured, openSite, type Site } from './support/command.ts';
import { Stage } from './support/stage.ts';

const STORED = {
  outcome: 'stored',
  instance: 'main',
  backups: [
    {
      backupId: '20260801T060000Z',
      shard: '0',
      keys: 1_234_567,
      rdbBytes: 512e6,
      storedBytes: 130.2e6,
      sha256: 'a'.repeat(64),
      seconds: 12,
      warnings: ['the server is a replica'],
    },
  ],
  retention: { removed: ['20260725T060000Z'] },
};

/** Resolves when the test lets go. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('redis-backup backup, through a real Temporal', function () {
  this.timeout(60_000);
  let stage: Stage;
  let site: Site;
  before(async () => {
    stage = await Stage.open();
    site = await stage.site();
  });
  after(async () => {
    await site?.[Symbol.asyncDispose]();
    await stage?.close();
  });
  const isRunning = async () => (await stage.client.workflow.getHandle('backup/main').describe()).status.name === 'RUNNING';

  it('starts the workflow that the temporal CLI starts, and says what was stored', async () => {
    let seen: unknown;
    stage.play = async (type, input) => {
      seen = { type, input, id: Context.current().info.workflowExecution?.workflowId, queue: Context.current().info.taskQueue };
      return STORED;
    };
    const { code, stdout } = await site.run('backup');
    assert.equal(code, 0);
    assert.equal(
      stdout,
      [
        'stored main 20260801T060000Z: 1,234,567 keys, 512.0 MB as 130.2 MB, in 12 s',
        'warning: the server is a replica',
        'retention: removed 20260725T060000Z',
        '',
      ].join('\n'),
    );
    assert.deepEqual(seen, {
      type: 'backupSnapshot',
      input: { instance: 'main', reason: 'manual' },
      id: 'backup/main',
      queue: 'redis-ops',
    });
  });

  it('shows phase, bytes, rate and the time left from the heartbeats', async () => {
    const { open, opened } = gate();
    stage.play = async () => {
      Context.current().heartbeat({
        stage: 'stream',
        doneBytes: 25e6,
        totalBytes: 100e6,
        estimated: true,
        bytesPerSecond: 5e6,
        etaSeconds: 15,
      });
      await opened;
      return STORED;
    };
    const stderr = new Captured();
    const running = site.run('backup', { stderr });
    await until(() => stderr.text !== '', { what: 'a line of progress' });
    open();
    await running;
    assert.equal(stderr.text, 'snapshot, stream: 25.0 MB of about 100.0 MB (25 %), 5.0 MB/s, 15 s left\n');
  });

  it('joins the backup that is being taken', async () => {
    const { open, opened } = gate();
    stage.play = async () => {
      await opened;
      return STORED;
    };
    const first = site.json<{ joined: boolean }>('backup');
    await until(isRunning, { what: 'the first backup' });
    const stderr = new Captured();
    const second = site.run('backup', { stderr });
    await until(() => stderr.text.includes('joined'), { what: 'the second command to join' });
    open();
    assert.match((await second).stdout, /^stored main 20260801T060000Z/);
    assert.ok(stderr.text.startsWith('joined: backup/main is running already\n'));
    assert.equal((await first).joined, false);
  });

  it('says why no backup was taken, and exits with 50', async () => {
    stage.play = async () => ({ outcome: 'skipped', instance: 'main', skippedBecause: 'restore/main is running' });
    assert.deepEqual(await site.run('backup'), { code: 50, stdout: 'skipped main: restore/main is running\n', stderr: '' });
  });

  it('fails with the code, message and next step that the worker gave', async () => {
    const failing = { message: 'user "backup" lacks PSYNC', type: 'REDIS_PERMISSION_DENIED', nonRetryable: true };
    stage.play = async () => {
      throw ApplicationFailure.create({ ...failing, details: [{ next: 'Run: ACL SETUSER backup +psync' }] });
    };
    assert.deepEqual(await site.run('backup'), {
      code: 11,
      stdout: '',
      stderr: 'error: user "backup" lacks PSYNC\nnext: Run: ACL SETUSER backup +psync\n',
    });
  });

  it('says what goes wrong while it is tried again', async () => {
    const stderr = new Captured();
    stage.play = async () => {
      if (stderr.text.includes('attempt')) return STORED;
      throw ApplicationFailure.create({ message: 'S3 is slow', type: 'STORE_UNREACHABLE' });
    };
    const { code } = await site.run('backup', { stderr });
    assert.equal(code, 0);
    assert.match(stderr.text, /^snapshot: attempt \d+ after: S3 is slow$/m);
  });

  it('ends on Ctrl-C and lets the backup go on, saying how to wait for it and how to cancel it', async () => {
    const { open, opened } = gate();
    stage.play = async () => {
      await opened;
      return STORED;
    };
    const control = new AbortController();
    const running = site.run('backup', { interrupt: control.signal });
    await until(isRunning, { what: 'the backup' });
    control.abort();
    const { address } = stage.temporal;
    assert.deepEqual(await running, {
      code: 130,
      stdout: '',
      stderr: [
        'detached: backup/main goes on without this command',
        `next: Wait for it with \`temporal workflow result --workflow-id backup/main --address ${address}\`; cancel it with \`temporal workflow cancel --workflow-id backup/main --address ${address}\`.`,
        '',
      ].join('\n'),
    });
    assert.ok(await isRunning(), 'it goes on');
    open();
    await stage.client.workflow.getHandle('backup/main').result();
  });

  it('ends as a process on Ctrl-C, at once', async () => {
    const { open, opened } = gate();
    stage.play = async () => {
      await opened;
      return STORED;
    };
    const script = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
    const command = killAtTheEnd(
      spawn(process.execPath, [script, 'backup', '--config', site.configFile], { stdio: ['ignore', 'ignore', 'pipe'] }),
    );
    let stderr = '';
    command.stderr?.on('data', (text) => {
      stderr += text;
    });
    await until(() => stderr.includes('snapshot'), { what: 'progress' });
    const gone = once(command, 'exit');
    command.kill('SIGINT');
    assert.deepEqual(await gone, [130, null]);
    assert.match(stderr, /^detached: backup\/main goes on without this command$/m);
    open();
    await stage.client.workflow.getHandle('backup/main').result();
  });

  it('says that somebody cancelled it', async () => {
    stage.play = () => Context.current().cancelled;
    const running = site.run('backup');
    await until(isRunning, { what: 'the backup' });
    await stage.client.workflow.getHandle('backup/main').cancel();
    const { code, stderr } = await running;
    assert.equal(code, 52);
    assert.match(stderr, /^error: backup\/main was cancelled$/m);
  });

  it('says that no worker is there, and goes on when one comes', async () => {
    await stage.stopWorker();
    stage.play = async () => STORED;
    const stderr = new Captured();
    const running = site.run('backup', { stderr });
    const planned = new Captured();
    const leave = new AbortController();
    const planning = site.run('restore --plan', { stderr: planned, interrupt: leave.signal });
    await until(() => planned.text.includes('no worker polls redis-ops'), { what: 'a word about the worker' });
    assert.match(planned.text, /; without any: --direct, on the machine of the Redis$/m);
    leave.abort();
    assert.equal((await planning).code, 130);
    await until(() => stderr.text.includes('no worker'), { what: 'a word about the worker' });
    const start = `redis-backup worker --config ${site.configFile}`;
    const waiting = `backup/main: waiting: no worker polls redis-ops; start one with \`${start}\``;
    assert.ok(stderr.text.split('\n').includes(waiting), stderr.text);
    await stage.startWorker();
    assert.equal((await running).code, 0);
  });

  for (const command of ['recover', 'recover --json', 'recover --dry-run'])
    it(`ends ${command} within seconds when no worker is there, and the recovery stays started`, async () => {
      await stage.stopWorker();
      const { code, stdout, stderr } = await site.run(command);
      const handle = stage.client.workflow.getHandle(command.includes('dry') ? 'plan/main/recovery' : 'recover/main');
      try {
        assert.equal(code, 54, stderr);
        assert.match(stderr, / is started, but no worker polls for it/);
        assert.match(stderr, /a worker that comes does it/);
        assert.match(stderr, /temporal workflow cancel --workflow-id \S*recover/);
        assert.equal(`${stdout}${stderr}`.split('waiting: no worker polls redis-ops').length - 1, 1, `${stdout}${stderr}`);
        assert.equal((await handle.describe()).status.name, 'RUNNING');
      } finally {
        await handle.terminate().catch(() => undefined);
        await stage.startWorker();
      }
    });

  it('sends a recovery nothing while no worker answers for it, and says how Temporal keeps a cancel', async () => {
    await stage.stopWorker();
    const handle = await stage.client.workflow.start('recoverRedis', {
      ...{ workflowId: 'recover/main', taskQueue: 'redis-ops', args: [{ instance: 'main' }] },
    });
    try {
      const { code, stderr } = await site.run('recover --abort enough');
      assert.equal(code, 54, stderr);
      assert.match(stderr, /^error: abort was not sent: no worker answers for recover\/main$/m);
      assert.match(stderr, /temporal workflow cancel --workflow-id recover\/main/);
    } finally {
      await handle.terminate();
      await stage.startWorker();
    }
  });

  it('says of a recovery that is watched that its worker went away, and shows it on when one comes', async () => {
    stage.play = () => Context.current().cancelled;
    const stderr = new Captured();
    const running = site.run('recover', { stderr });
    await until(() => stderr.text.includes('10:42:07 began'), { what: 'the page' });
    await stage.stopWorker();
    await until(() => /^recover\/main: waiting: no worker /m.test(stderr.text), { what: 'a word about the worker' });
    stage.play = async () => ({ outcome: 'joined', because: 'the test' });
    await stage.startWorker();
    const { code, stdout } = await running;
    assert.equal(code, 0, stderr.text);
    assert.equal(stdout, 'joined: the test\n');
  });

  it('goes on through a restart of Temporal', async () => {
    const { open, opened } = gate();
    stage.play = async () => {
      await opened;
      return STORED;
    };
    const stderr = new Captured();
    const running = site.run('backup', { stderr });
    await until(isRunning, { what: 'the backup' });
    await stage.temporal.kill();
    await until(() => stderr.text.includes('Temporal does not answer'), { what: 'a word about Temporal' });
    await stage.temporal.start();
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
    const { address } = stage.temporal;
    await using wrong = await openSite(
      `temporal: { address: "${address}", namespace: prod }\ninstances: { main: { url: redis://127.0.0.1:1 } }`,
    );
    assert.deepEqual(await wrong.run('backup'), {
      code: 55,
      stdout: '',
      stderr: `error: Temporal at ${address} has no namespace "prod"\nnext: Correct temporal.namespace, or run: temporal operator namespace create --address ${address} --namespace prod\n`,
    });
  });

  it('retention is a dry run unless --apply is given', async () => {
    const inputs: object[] = [];
    stage.play = async (_type, input) => {
      inputs.push(input);
      const { dryRun } = input as { dryRun: boolean };
      const kept = [{ backupId: '20260801T060000Z', because: ['one of the last 28', 'newest of the month 2026-08'] }];
      return {
        instance: 'main',
        dryRun,
        kept,
        removed: [{ backupId: '20260601T060000Z', because: '61 d 00 h old' }],
        swept: ['main/0/x'],
      };
    };
    assert.equal(
      (await site.run('retention')).stdout,
      `keep    20260801T060000Z  one of the last 28; newest of the month 2026-08
remove  20260601T060000Z  61 d 00 h old
sweep   main/0/x          what a backup that was cut short left behind
main: 1 backup kept, 1 would be removed
Remove them with: redis-backup retention main --apply
`,
    );
    assert.equal(
      (await site.run('retention --apply')).stdout,
      `keep     20260801T060000Z  one of the last 28; newest of the month 2026-08
removed  20260601T060000Z  61 d 00 h old
swept    main/0/x          what a backup that was cut short left behind
main: 1 backup kept, 1 removed
`,
    );
    assert.deepEqual(inputs, [
      { instance: 'main', dryRun: true },
      { instance: 'main', dryRun: false },
    ]);
  });
});
