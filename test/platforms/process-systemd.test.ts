import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import { until } from '../support/until.ts';
import { writeFakeSystemctl } from './support/fake-systemctl.ts';
import { makeSite, type ProcessSite } from './support/process-site.ts';

const UNIT = 'redis-server.service';

describe('a Redis that systemd restarts', () => {
  const path = process.env.PATH;
  let site: ProcessSite;
  beforeEach(async () => {
    site = await makeSite(['logfile redis.log']);
    await writeFakeSystemctl(site.root, UNIT, [site.binary, site.configFile]);
    process.env.PATH = `${site.root}${delimiter}${path}`;
  });
  afterEach(async () => {
    await openUnit().stop();
    process.env.PATH = path;
    await site[Symbol.asyncDispose]();
  });
  const openUnit = (unit = UNIT) => openProcessPlatform({ start: { systemd: unit }, port: site.port, stopTimeoutMs: 10_000 });

  it('is started and stopped through systemctl and stays down', async () => {
    const platform = openUnit();
    assert.equal(platform.restartsByItself, true);
    assert.deepEqual(await platform.status(), { running: false });
    const started = await platform.start();
    assert.deepEqual(await platform.start(), started);
    assert.equal(await site.command('PING'), 'PONG');
    await platform.stop();
    await platform.stop();
    assert.deepEqual(await platform.status(), { running: false });
    assert.match((await platform.logs(2)).join('\n'), /bye bye/);
  });

  it('is stopped for good after SHUTDOWN, although it was about to be restarted', async () => {
    const platform = openUnit();
    await platform.start();
    await site.command('SHUTDOWN', 'NOSAVE').catch(() => {});
    await until(async () => !(await platform.status()).running, { what: 'it is down for the moment' });
    await platform.stop();
    assert.match(await readFile(join(site.root, 'calls'), 'utf8'), /^stop redis-server\.service$/m);
    assert.deepEqual(await platform.status(), { running: false });
  });

  it('knows data directory and file from the command line of the unit', async () => {
    await writeFakeSystemctl(site.root, UNIT, [site.binary, site.configFile, '--dbfilename', 'unit.rdb', '--appendonly', 'yes']);
    assert.deepEqual(await openUnit().dataLayout(), {
      dir: site.dir,
      dbfilename: 'unit.rdb',
      appendonly: true,
      appenddirname: 'appendonlydir',
      appendfilename: 'appendonly.aof',
    });
  });

  it('does not start with a bad directive: the error has the last lines, and does not wait for the next attempt', async () => {
    await writeFile(site.configFile, `${await readFile(site.configFile, 'utf8')}\nmaxmemory lots\n`);
    await assert.rejects(openUnit().start(), {
      code: 'START_FAILED',
      message: /systemd unit redis-server\.service did not start \(systemd says/,
    });
  });

  it('is refused with the way out where there is no systemd, as in a container', async () => {
    const said = "System has not been booted with systemd as init system (PID 1). Can't operate.";
    await writeFile(join(site.root, 'systemctl'), `#!/bin/sh\necho "${said}" >&2\nexit 1\n`);
    await assert.rejects(openUnit().status(), {
      code: 'PLATFORM_UNSUPPORTED',
      message: `systemctl show ${UNIT} failed: ${said}`,
      next: /start this instance by a command/,
    });
    await writeFakeSystemctl(site.root, UNIT, [site.binary, site.configFile]); // the way down goes by it
  });

  it('is refused when there is no such unit', async () => {
    await assert.rejects(openUnit('other.service').start(), {
      code: 'CONFIG_INVALID',
      message: 'systemd has no unit other.service',
    });
  });
});
