import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { softwareVersion } from '../../cli/software-version.ts';
import { run } from './support/command.ts';

const LAUNCHER = path.resolve(import.meta.dirname, '../../cli/redis-backup');

describe('redis-backup', () => {
  const REFUSED: [args: string[], message: string, next: string][] = [
    [[], 'no command was given', 'See `redis-backup --help`.'],
    [['bakcup'], "unknown command 'bakcup' (Did you mean backup?)", 'See `redis-backup --help`.'],
    [['backup', '--wrong'], "unknown option '--wrong'", 'See `redis-backup backup --help`.'],
    [
      ['backup', 'a', 'b'],
      "too many arguments for 'backup'. Expected 1 argument but got 2.",
      'See `redis-backup backup --help`.',
    ],
    [['status', '--max-age'], "option '--max-age <duration>' argument missing", 'See `redis-backup status --help`.'],
  ];
  for (const [args, message, next] of REFUSED) {
    it(`refuses \`${['redis-backup', ...args].join(' ')}\` with exit code 2`, async () => {
      assert.deepEqual(await run(args), { code: 2, stdout: '', stderr: `error: ${message}\nnext: ${next}\n` });
      assert.deepEqual(await run([...args, '--json']), {
        code: 2,
        stdout: '',
        stderr: `${JSON.stringify({ type: 'error', code: 'USAGE', message, next })}\n`,
      });
    });
  }

  it('says which configuration it wants when there is none', async () => {
    const { code, stderr } = await run(['list', '--config', '/nowhere/redis-backup.yaml']);
    assert.equal(code, 2);
    assert.equal(
      stderr,
      "error: /nowhere/redis-backup.yaml cannot be read: ENOENT: no such file or directory, open '/nowhere/redis-backup.yaml'\nnext: Name a readable configuration file with --config.\n",
    );
  });

  it('helps', async () => {
    const { code, stdout, stderr } = await run(['restore', '--help']);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const word of ['--plan', '--yes', '--expect-plan <digest>', '--direct', '--json', '--config'])
      assert.ok(stdout.includes(word), word);
  });

  it('starts with its own Node from wherever it is linked to', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'redis-backup-bin-'));
    try {
      await symlink(LAUNCHER, path.join(dir, 'far'));
      await symlink('far', path.join(dir, 'redis-backup'));
      const { stdout } = await promisify(execFile)(path.join(dir, 'redis-backup'), ['--version'], {
        cwd: '/',
        env: { PATH: '/usr/bin:/bin' },
      });
      assert.equal(stdout, `${softwareVersion()}\n`);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
