import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { killAtTheEnd } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { Captured } from './support/command.ts';
import { useStage } from './support/stage.ts';

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

describe('redis-backup backup, through a real Temporal', function () {
  this.timeout(60_000);
  const on = useStage();
  const isRunning = async () => (await on.stage.client.workflow.getHandle('backup/main').describe()).status.name === 'RUNNING';

  it('starts the workflow that the temporal CLI starts, and says what was stored', async () => {
    let seen: unknown;
    on.stage.play = async (type, input) => {
      seen = { type, input, id: Context.current().info.workflowExecution?.workflowId, queue: Context.current().info.taskQueue };
      return STORED;
    };
    const { code, stdout } = await on.site.run('backup');
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
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    on.stage.play = async () => {
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
    const running = on.site.run('backup', { stderr });
    await until(() => stderr.text !== '', { what: 'a line of progress' });
    open();
    await running;
    assert.equal(stderr.text, 'snapshot, stream: 25.0 MB of about 100.0 MB (25 %), 5.0 MB/s, 15 s left\n');
  });

  it('joins the backup that is being taken', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    on.stage.play = async () => {
      await opened;
      return STORED;
    };
    const first = on.site.json<{ joined: boolean }>('backup');
    await until(isRunning, { what: 'the first backup' });
    const stderr = new Captured();
    const second = on.site.run('backup', { stderr });
    await until(() => stderr.text.includes('joined'), { what: 'the second command to join' });
    open();
    assert.match((await second).stdout, /^stored main 20260801T060000Z/);
    assert.ok(stderr.text.startsWith('joined: backup/main is running already\n'));
    assert.equal((await first).joined, false);
  });

  it('says why no backup was taken, and exits with 50', async () => {
    on.stage.play = async () => ({ outcome: 'skipped', instance: 'main', skippedBecause: 'restore/main is running' });
    assert.deepEqual(await on.site.run('backup'), { code: 50, stdout: 'skipped main: restore/main is running\n', stderr: '' });
  });

  it('fails with the code, message and next step that the worker gave', async () => {
    const failing = { message: 'user "backup" lacks PSYNC', type: 'REDIS_PERMISSION_DENIED', nonRetryable: true };
    on.stage.play = async () => {
      throw ApplicationFailure.create({ ...failing, details: [{ next: 'Run: ACL SETUSER backup +psync' }] });
    };
    assert.deepEqual(await on.site.run('backup'), {
      code: 11,
      stdout: '',
      stderr: 'error: user "backup" lacks PSYNC\nnext: Run: ACL SETUSER backup +psync\n',
    });
  });

  it('says what goes wrong while it is tried again', async () => {
    const stderr = new Captured();
    on.stage.play = async () => {
      if (stderr.text.includes('attempt')) return STORED;
      throw ApplicationFailure.create({ message: 'S3 is slow', type: 'STORE_UNREACHABLE' });
    };
    const { code } = await on.site.run('backup', { stderr });
    assert.equal(code, 0);
    assert.match(stderr.text, /^snapshot: attempt \d+ after: S3 is slow$/m);
  });

  it('ends on Ctrl-C and lets the backup go on, saying how to wait for it and how to cancel it', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    on.stage.play = async () => {
      await opened;
      return STORED;
    };
    const control = new AbortController();
    const running = on.site.run('backup', { interrupt: control.signal });
    await until(isRunning, { what: 'the backup' });
    control.abort();
    const { address } = on.stage.temporal;
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
    await on.stage.client.workflow.getHandle('backup/main').result();
  });

  it('ends as a process on Ctrl-C, at once', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    on.stage.play = async () => {
      await opened;
      return STORED;
    };
    const script = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
    const command = killAtTheEnd(
      spawn(process.execPath, [script, 'backup', '--config', on.site.configFile], { stdio: ['ignore', 'ignore', 'pipe'] }),
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
    await on.stage.client.workflow.getHandle('backup/main').result();
  });

  it('says that somebody cancelled it', async () => {
    on.stage.play = () => Context.current().cancelled;
    const running = on.site.run('backup');
    await until(isRunning, { what: 'the backup' });
    await on.stage.client.workflow.getHandle('backup/main').cancel();
    const { code, stderr } = await running;
    assert.equal(code, 52);
    assert.match(stderr, /^error: backup\/main was cancelled$/m);
  });

  it('retention is a dry run unless --apply is given', async () => {
    const inputs: object[] = [];
    on.stage.play = async (_type, input) => {
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
      (await on.site.run('retention')).stdout,
      `keep    20260801T060000Z  one of the last 28; newest of the month 2026-08
remove  20260601T060000Z  61 d 00 h old
sweep   main/0/x          what a backup that was cut short left behind
main: 1 backup kept, 1 would be removed
Remove them with: redis-backup retention main --apply
`,
    );
    assert.equal(
      (await on.site.run('retention --apply')).stdout,
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
