import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { discardStaged } from '../../platforms/data-directory.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import { killAtTheEnd } from '../support/processes.ts';
import { redisBinaries } from '../support/redis-binaries.ts';
import { freePort } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const TABLE = fileURLToPath(new URL('../../platforms/process/process-table.ts', import.meta.url));

/** Needs root: only root can be another user. */
describe('A Redis of another user', function () {
  this.timeout(30_000);
  let home: string;
  before(function () {
    if (!isRoot) this.skip();
  });
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'owner-'));
    chmodSync(home, 0o755);
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('is started by root as the user that its data belongs to, and its files stay those of that user', async () => {
    const [binary] = redisBinaries();
    const data = join(home, 'data');
    mkdirSync(data);
    chownSync(data, NOBODY, NOBODY);
    const port = await freePort();
    const conf = join(home, 'redis.conf');
    writeFileSync(conf, `port ${port}\ndir ${data}\nsave ""\nappendonly yes\n`);
    const platform = openProcessPlatform({ start: { command: [binary?.path ?? '', conf] }, port });
    const { pid } = await platform.start();
    try {
      assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Uid:\\s+${NOBODY}\\s+${NOBODY}`, 'm'));
      const log = join(data, binary?.path.includes('6.2') ? 'appendonly.aof' : 'appendonlydir');
      await until(() => statSync(log, { throwIfNoEntry: false })?.uid === NOBODY, { what: "its log is that user's" });
    } finally {
      await platform.stop();
    }
  });

  it('gets at what root has kept beside its data', async () => {
    chownSync(home, NOBODY, NOBODY);
    const names = { dbfilename: 'dump.rdb', appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };
    await discardStaged({ dir: home, appendonly: true, ...names }, 'one');
    for (const name of ['.redis-backup', '.redis-backup/one']) assert.equal(statSync(join(home, name)).uid, NOBODY, name);
  });

  it('is not taken for ours when it is in another network, though we may not look into it', async () => {
    const shares = (pid: number) =>
      execFileSync(
        'setpriv',
        ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', process.execPath].concat([
          ...['--input-type=module', '-e'],
          `const { sharesOurNetwork } = await import(${JSON.stringify(TABLE)}); console.log(await sharesOurNetwork(${pid}))`,
        ]),
        { encoding: 'utf8', cwd: '/' },
      ).trim();
    const script = "require('net').createServer().listen(0, () => console.log('there'))";
    const listen = async (...wrapped: string[]) => {
      const [program = '', ...args] = [...wrapped, process.execPath, '-e', script];
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      killAtTheEnd(child);
      await new Promise((resolve) => child.stdout.once('data', resolve));
      return child;
    };
    const [ours, theirs] = await Promise.all([listen(), listen('unshare', '--net')]);
    try {
      assert.equal(shares(ours.pid ?? 0), 'true');
      assert.equal(shares(theirs.pid ?? 0), 'false');
    } finally {
      for (const child of [ours, theirs]) child.kill('SIGKILL');
    }
  });
});
