import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecoveryError } from '../../model/errors.ts';
import { findOrphans } from '../../platforms/process/find-redis.ts';
import { killAtTheEnd, pidOf } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { makeSite } from './support/process-site.ts';

describe('a Redis started by a command', () => {
  it('is started, seen by another worker, and stopped; each as often as one likes', async () => {
    await using site = await makeSite();
    assert.deepEqual(await site.platform.status(), { running: false });
    const started = await site.platform.start();
    assert.deepEqual(await site.platform.start(), started);
    assert.deepEqual(await site.again().status(), started);
    assert.equal(await site.command('PING'), 'PONG');
    await site.again().stop();
    await site.platform.stop();
    assert.deepEqual(await site.platform.status(), { running: false });
    assert.match((await site.platform.logs(3)).join('\n'), /ready to exit, bye bye/);
  });

  it('goes on when the worker that started it is killed, and has none of its secrets', async () => {
    await using site = await makeSite();
    const script = `
      const { openProcessPlatform } = await import(${JSON.stringify(join(import.meta.dirname, '../../platforms/process/process-platform.ts'))});
      await openProcessPlatform({ start: { command: ${JSON.stringify([site.binary, site.configFile])} } }).start();
      process.kill(process.pid, 'SIGKILL');`;
    const env = { ...process.env, AWS_SECRET_ACCESS_KEY: 'hunter2' };
    const worker = killAtTheEnd(spawn(process.execPath, ['--input-type=module', '-e', script], { env, stdio: 'inherit' }));
    worker.ref();
    const [, signal] = await once(worker, 'exit');
    assert.equal(signal, 'SIGKILL');
    const pid = pidOf(await site.platform.status());
    assert.equal(await site.command('PING'), 'PONG');
    if (process.platform === 'linux') assert.doesNotMatch(await readFile(`/proc/${pid}/environ`, 'utf8'), /hunter2/);
  });

  it('does not start with a directive that Redis does not know, and the error says which', async () => {
    await using site = await makeSite(['no-such-directive hunter2']);
    await assert.rejects(site.platform.start(), (error: RecoveryError) => {
      assert.equal(error.code, 'START_FAILED');
      assert.match(error.message, /did not start \(exit code 1\).*>>> 'no-such-directive …' \| Bad directive/);
      assert.doesNotMatch(error.message, /hunter2/); // it may be a password
      return true;
    });
    assert.doesNotMatch((await site.platform.logs(50)).join(), /hunter2/);
  });

  it('does not start while another Redis has its port, which is taken for it by nobody', async () => {
    await using first = await makeSite();
    await using second = await makeSite();
    await first.platform.start();
    await writeFile(second.configFile, (await readFile(second.configFile, 'utf8')).replace(`${second.port}`, `${first.port}`));
    await assert.rejects(second.platform.status(), {
      code: 'TARGET_IDENTITY',
      message: /reached at port \d+, but its redis.conf says/,
    });
  });

  it('does not start where its data directory is not mounted, and makes none in its place', async () => {
    await using site = await makeSite();
    await rename(site.dir, `${site.dir}.gone`);
    await assert.rejects(site.platform.start(), { code: 'START_FAILED', message: /cannot write the log of Redis: ENOENT/ });
  });

  it('does not start with a command that is not there', async () => {
    await using site = await makeSite();
    const platform = site.again({ start: { command: ['/absent/redis-server', site.configFile] } });
    await assert.rejects(platform.start(), { code: 'START_FAILED', message: /cannot run \/absent\/redis-server/ });
  });

  it('tells at once, with the last lines of the log, when it ends while it loads', async () => {
    await using site = await makeSite();
    await writeFile(join(site.dir, 'dump.rdb'), 'REDIS0011 this is not an RDB, but it has the right first bytes');
    // It may end before it is seen to listen, or after: whoever waits learns of it either way.
    const outcome = await site.platform.start().then(
      async () => (await site.platform.exited()).lastLines.join('\n'),
      (error: Error) => error.message,
    );
    assert.match(outcome, /RDB|Unrecoverable|Internal error/);
  });

  it('has failed, too, when it lacks a module and therefore ends with code 0', async () => {
    await using site = await makeSite();
    // One key of a module type that no server has, without a checksum; see redis 7.0.15 src/rdb.c, RDB_TYPE_MODULE_2.
    const key = Buffer.concat([
      Buffer.from([0xfe, 0, 7, 1, 0x6b, 0x81]),
      Buffer.from('0102030405060708', 'hex'),
      Buffer.from([0]),
    ]);
    await writeFile(
      join(site.dir, 'dump.rdb'),
      Buffer.concat([Buffer.from('REDIS0010'), key, Buffer.from([0xff]), Buffer.alloc(8)]),
    );
    const [code, text] = await site.platform.start().then(
      async () => {
        const { code, lastLines } = await site.platform.exited();
        return [code, lastLines.join(' ')] as const;
      },
      (error: RecoveryError) => [/exit code 0/.test(error.message) ? 0 : 1, error.message] as const,
    );
    assert.equal(code, 0);
    assert.match(text, /no matching module type/);
  });

  it('resolves exited with the exit code when it ends by itself', async () => {
    await using site = await makeSite();
    const pid = pidOf(await site.platform.start());
    const exit = site.platform.exited();
    await site.command('SHUTDOWN', 'NOSAVE').catch(() => {});
    const { lastLines, ...how } = await exit;
    assert.deepEqual(how, { pid, code: 0 });
    assert.match(lastLines.join('\n'), /bye bye/);
    assert.equal((await site.again().exited()).pid, undefined); // it was not the one that started it
  });

  it('is found when it daemonizes, under its own log file', async () => {
    await using site = await makeSite(['daemonize yes', 'logfile redis.log', 'pidfile redis.pid']);
    const pid = pidOf(await site.platform.start());
    assert.equal(String(pid), (await readFile(join(site.dir, 'redis.pid'), 'utf8')).trim());
    const saysReady = async () => /Ready to accept connections/.test((await site.platform.logs(5)).join('\n'));
    await until(saysReady, { what: 'its own log file says that it is ready' });
    await site.platform.stop();
  });

  it('is killed by its identity although it hangs, and nothing else is', async () => {
    await using site = await makeSite();
    const { identity = '', ...started } = await site.platform.start();
    const pid = pidOf(started);
    process.kill(pid, 'SIGSTOP');
    await assert.rejects(site.platform.kill(`${identity}0`), { code: 'TARGET_IDENTITY', message: /is left alone$/ });
    assert.equal((await site.platform.status()).identity, identity);
    await site.platform.kill(identity);
    await site.platform.kill(identity);
    assert.deepEqual(await site.platform.status(), { running: false });
  });

  it('stays when it cannot save on the way out: STOP_FAILED says so, and nothing is killed', async () => {
    await using site = await makeSite(['save 3600 1']);
    const started = await site.platform.start();
    await site.command('SET', 'a', '1');
    await mkdir(join(site.dir, 'dump.rdb', 'in-the-way'), { recursive: true }); // stops root, too
    await assert.rejects(site.again({ stopTimeoutMs: 1000 }).stop(), (error: RecoveryError) => {
      assert.equal(error.code, 'STOP_FAILED');
      assert.match(error.message, /process \d+ is still there after 1 s: .*can't exit/);
      assert.match(error.next, new RegExp(`SHUTDOWN NOSAVE.*kill -9 ${pidOf(started)}`));
      return true;
    });
    assert.deepEqual(await site.platform.status(), started);
    await site.command('SHUTDOWN', 'NOSAVE').catch(() => {});
    await site.platform.stop();
  });

  it('is stopped together with a child that still saves for a server that was killed', async () => {
    await using site = await makeSite(['enable-debug-command yes', 'rdb-key-save-delay 100000']);
    const pid = pidOf(await site.platform.start());
    await site.command('DEBUG', 'POPULATE', '1000');
    await site.command('BGSAVE');
    // At its first key it reports to its parent, and ends when there is none.
    const hasReported = async () => /current_cow_size:[1-9]/.test(String(await site.command('INFO', 'persistence')));
    await until(hasReported, { what: 'the child has reported' });
    const orphan = () => findOrphans({ ports: [site.port] });
    process.kill(pid, 'SIGKILL');
    await until(async () => (await orphan()).length === 1, { what: 'the orphan is seen' });
    await site.platform.stop();
    assert.deepEqual(await orphan(), []);
  });

  it('is not taken for another one that runs besides it', async () => {
    await using one = await makeSite();
    await using two = await makeSite();
    await one.platform.start();
    await two.platform.start();
    await two.platform.stop();
    assert.equal(await one.command('PING'), 'PONG');
  });

  it('is found by its pid file when it listens on no port', async () => {
    await using site = await makeSite(['unixsocket redis.sock', 'pidfile redis.pid']);
    await writeFile(site.configFile, (await readFile(site.configFile, 'utf8')).replace(`port ${site.port}`, 'port 0'));
    const platform = site.again({ port: undefined });
    const pid = pidOf(await platform.start());
    assert.equal(String(pid), (await readFile(join(site.dir, 'redis.pid'), 'utf8')).trim());
    await platform.stop();
    assert.deepEqual(await platform.status(), { running: false });
  });

  it('is left alone, and that is said, when something starts it again each time that it is stopped', async () => {
    await using site = await makeSite();
    let supervised = true;
    const supervise = () => {
      const child = killAtTheEnd(spawn(site.binary, [site.configFile], { stdio: 'ignore' }));
      child.once('exit', () => supervised && supervise());
    };
    supervise();
    await until(async () => (await site.platform.status()).running, { what: 'it runs' });
    // A supervisor that is slower than our look finds it stopped, and stays it.
    const refusal = async () => {
      await until(async () => (await site.platform.status()).running, { what: 'it is back' });
      return site.platform.stop().then(
        () => undefined,
        (error: RecoveryError) => error,
      );
    };
    let refused: RecoveryError | undefined;
    while (refused === undefined) refused = await refusal();
    assert.equal(refused?.code, 'STOP_FAILED');
    assert.match(
      refused?.message ?? '',
      /does not stay stopped: something starts it again each time \(processes \d+, \d+, \d+\)/,
    );
    supervised = false;
  });
});
