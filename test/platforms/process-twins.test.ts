import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import { killAtTheEnd, pidOf } from '../support/processes.ts';
import { redisBinaries } from '../support/redis-binaries.ts';
import { freePort } from '../support/redis-server.ts';
import { skipWithout } from '../support/skip-without.ts';
import { until } from '../support/until.ts';

/** Each on an address of its own, so that the port alone does not tell which is meant. */
describe('Of two Redis servers on one port', function () {
  this.timeout(30_000);
  const [binary] = redisBinaries();
  let home: string;
  let port: number;
  let running: ChildProcess[];
  before(function () {
    if (process.platform !== 'linux') skipWithout('linux', this); // elsewhere 127.0.0.2 is no address of the machine
  });
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'twins-'));
    port = await freePort();
    running = [];
  });
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });

  const start = async (address: string, dir: string, more = '', through: string[] = []) => {
    mkdirSync(dir, { recursive: true });
    const conf = join(home, `${address}.conf`);
    writeFileSync(conf, `port ${port}\nbind ${address}\ndir ${dir}\nsave ""\n${more}`);
    const [program = '', ...args] = [...through, binary?.path ?? '', conf];
    const child = killAtTheEnd(spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
    running.push(child);
    let said = '';
    child.stdout?.on('data', (text) => (said += text));
    await until(() => /Ready to accept/.test(said), { what: `it listens on ${address}` });
    return { conf, pid: child.pid };
  };
  const found = async (conf: string, pidFile?: string) => {
    const command = [binary?.path ?? '', conf];
    const status = await openProcessPlatform({ start: { command }, port, ...(pidFile ? { pidFile } : {}) }).status();
    return status.running ? pidOf(status) : undefined;
  };

  it('the one that stands in the data directory of its redis.conf is meant', async () => {
    const [one, other] = [await start('127.0.0.1', join(home, 'one')), await start('127.0.0.2', join(home, 'other'))];
    assert.deepEqual([await found(one.conf), await found(other.conf)], [one.pid, other.pid]);
  });

  it('the one that is left is not meant where ours is down: it serves on another address, from another directory', async () => {
    const [one, other] = [await start('127.0.0.1', join(home, 'one')), await start('127.0.0.2', join(home, 'other'))];
    running[0]?.kill('SIGKILL');
    await until(() => running[0]?.signalCode !== null, { what: 'ours is gone' });
    assert.deepEqual([await found(one.conf), await found(other.conf)], [undefined, other.pid]);
  });

  it('the one that stands in the data directory is meant, though somebody has bound it to another address since', async () => {
    const one = await start('127.0.0.2', join(home, 'one'));
    const conf = join(home, 'edited.conf');
    writeFileSync(conf, readFileSync(one.conf, 'utf8').replace('127.0.0.2', '127.0.0.1'));
    assert.equal(await found(conf), one.pid);
  });

  it('the one of a container, which has process ids of its own, is not meant', async function () {
    if (process.getuid?.() !== 0) skipWithout('root', this);
    const one = await start('127.0.0.1', home);
    await start('127.0.0.2', home, '', ['unshare', '--pid', '--fork', '--kill-child']);
    assert.equal(await found(one.conf), one.pid);
  });

  it('neither is taken where nothing tells them apart, and what the refusal advises does', async () => {
    const [one] = [await start('127.0.0.1', home), await start('127.0.0.2', home)];
    await assert.rejects(found(one.conf), (error) => {
      assert.ok(error instanceof RecoveryError);
      assert.match(error.message, /several Redis servers could be the one/);
      assert.match(error.next, /pidfile .* in its redis\.conf.*platform\.pidFile/);
      return error.code === 'TARGET_IDENTITY';
    });
    const pidFile = join(home, 'one.pid');
    writeFileSync(pidFile, `${one.pid}\n`);
    assert.equal(await found(one.conf, pidFile), one.pid);
    for (const child of running) child.kill('SIGKILL');
    await until(() => running.every(({ signalCode }) => signalCode !== null), { what: 'both are gone' });
    const again = await start('127.0.0.1', home, `pidfile ${join(home, 'own.pid')}\n`);
    await start('127.0.0.2', home);
    assert.equal(await found(again.conf), again.pid);
  });
});
