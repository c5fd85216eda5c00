import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CloneReport } from '../../cli/clone/text.ts';
import { openRedis } from '../../redis/client/client.ts';
import { House } from '../support/house.ts';
import { killAtTheEnd } from '../support/processes.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { freePort } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

/** Long enough to be in the base and in the log, short enough to wait for. */
const FLAG_MS = 8_000;
const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

describe('A clone of the data as it was', function () {
  this.timeout(180_000);
  let house: House;
  let beforeFlush = '';
  let backupId = '';
  let flagsOverAt = 0;
  const made: CloneReport[] = [];
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await house.ask('EVAL', "for i=1,200 do redis.call('SET', 'session:'..i, 'token'..i, 'EX', 86400) end", '0');
    flagsOverAt = Date.now() + FLAG_MS;
    const expiry = ['PXAT', `${flagsOverAt}`] as const;
    await house.ask('SET', 'flag:in-the-base', 'on', ...expiry);
    assert.equal((await house.command('archive')).code, 0);
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
    });
    backupId = (await house.repository.snapshots({ instance: 'main', shard: '0' }).list())[0]?.backupId ?? '';
    await house.ask('SET', 'flag:in-the-log', 'on', ...expiry);
    await house.ask('SET', 'session:in-the-log', 'token', 'EX', '86400');
    await house.ask('FLUSHALL');
    await until(async () => (await house.command('find-destructive')).stdout.includes('FLUSHALL'), { what: 'it is in the log' });
    const { stdout } = await house.command('find-destructive', '--json');
    beforeFlush = (JSON.parse(stdout) as { found: { until: string }[] }).found[0]?.until ?? '';
    await until(() => Date.now() > flagsOverAt, { what: 'the flags are over' });
    await house.killWorker(); // nothing of what follows needs one
  });
  after(async () => {
    for (const { directory } of made) await house.command('clone', '--stop', directory);
    await house?.close();
  });

  const clone = async (...args: string[]): Promise<CloneReport> => {
    const { code, stdout, stderr } = await house.command('clone', ...args, '--json');
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as CloneReport;
    made.push(report);
    return report;
  };
  const look = async ({ host, port, password }: CloneReport, ...command: string[]): Promise<unknown> => {
    using client = await openRedis({ host, port, ...(password === undefined ? {} : { password }) });
    return await client.command(...command);
  };
  const keysOf = ({ classes }: CloneReport, name: string) => classes.find((one) => one.name === name)?.keys;

  it('shows what was there right before the FLUSHALL, flags of a minute too', async () => {
    const report = await clone('--at', beforeFlush);
    assert.equal(keysOf(report, 'sessions'), 201);
    assert.equal(keysOf(report, 'featureFlags'), 2);
    assert.equal(report.keys, 203);
    assert.equal(await look(report, 'GET', 'session:in-the-log'), 'token');
    await assert.rejects(look({ ...report, password: undefined }, 'PING'), { code: 'REDIS_AUTH_FAILED' });
    assert.equal(statSync(report.directory).mode & 0o777, 0o700);
    assert.equal(await house.ask('DBSIZE'), 0); // the real one was not touched
  });

  it('is gone with all its files when it is stopped by its directory', async () => {
    const [report] = made.splice(0);
    assert.ok(report);
    const { code, stdout } = await house.command('clone', '--stop', report.directory);
    assert.equal(code, 0);
    assert.match(stdout, /^stopped, and removed /);
    assert.equal(existsSync(report.directory), false);
    await assert.rejects(look(report, 'PING'), { code: 'REDIS_UNREACHABLE' });
    assert.equal((await house.command('clone', '--stop', report.directory)).code, 2);
  });

  it('leaves times to live as they were when asked, listens where it is told, and is stopped by its port', async () => {
    const port = await freePort();
    const args = [
      '--at',
      beforeFlush,
      '--keep-ttls',
      '--no-password',
      '--port',
      `${port}`,
      '--directory',
      join(house.dir, 'here'),
    ];
    const { code, stdout, stderr } = await house.command('clone', ...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^clone of main as it was 20.+, from \S+ and [\d.]+ k?B of log\n/);
    assert.match(stdout, /times to live: as they were; what has expired since is not there\n/);
    assert.ok(stdout.includes(`look into it: redis-cli -h 127.0.0.1 -p ${port}\n`));
    assert.ok(stdout.includes(`stop it:      redis-backup clone --stop ${join(house.dir, 'here')}\n`));
    assert.match(stdout, /featureFlags +0\n/);
    assert.match(stdout, /all +201\n/);
    assert.equal((await house.command('clone', '--stop', '--port', `${port}`)).code, 0);
    assert.equal(existsSync(join(house.dir, 'here')), false);
    const again = await house.command('clone', '--stop', '--port', `${port}`);
    assert.match(again.stderr, /there is no clone on port/);
  });

  it('of a backup id is that backup alone, without what the log has', async () => {
    const report = await clone('--at', backupId);
    assert.equal(report.log, undefined);
    assert.deepEqual([keysOf(report, 'sessions'), keysOf(report, 'featureFlags')], [200, 1]);
  });

  it('is refused by name with a server that is too old for the backup', async () => {
    const old = redisBinaries().find((binary) => !isAtLeast(binary, 7));
    assert.ok(old, 'scripts/setup gets a Redis 6.2');
    const { code, stderr } = await house.command('clone', '--at', backupId, '--redis-server', old.path);
    assert.equal(code, 40);
    assert.match(stderr, /redis-server-6\.2 cannot load backup \d{8}T\d{6}Z: Redis 6\.2\.\d+ reads up to RDB version 9/);
    assert.match(stderr, /next: Use the server of redis 7\./);
  });

  it('is refused on the port of a Redis that runs, before anything is started, and sends it no password', async () => {
    const directory = join(house.dir, 'on-a-taken-port');
    const { code, stderr } = await house.command(
      'clone',
      '--at',
      backupId,
      '--port',
      `${house.redis.port}`,
      '--directory',
      directory,
    );
    assert.notEqual(code, 0);
    assert.match(stderr, /cannot listen on 127\.0\.0\.1:\d+: Address already in use, by somebody else/);
    assert.match(stderr, /next: Give a port that is free/);
    assert.equal(existsSync(directory), false);
    assert.doesNotMatch(String(await house.ask('INFO', 'commandstats')), /cmdstat_auth/);
  });

  it('refuses a directory with something in it, a moment that is none, and a port that is none', async () => {
    const full = await house.command('clone', '--directory', house.dir);
    assert.equal(full.code, 2);
    assert.match(full.stderr, /it is not empty/);
    assert.match(
      (await house.command('clone', '--at', 'yesterday')).stderr,
      /"yesterday", which is no time\nnext: .*, or a backup id\./,
    );
    assert.equal((await house.command('clone', '--port', '70000')).code, 2);
    assert.equal((await house.command('clone', '--stop')).code, 2);
  });

  const spawned = (...args: string[]) => {
    const env = { ...process.env, REDIS_BACKUP_CONFIG: house.configFile };
    const child = killAtTheEnd(spawn(process.execPath, [MAIN, 'clone', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (said += text));
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { child, exit, said: () => said };
  };

  it('in the foreground ends with Ctrl-C, and with the terminal', async () => {
    for (const signal of ['SIGINT', 'SIGHUP'] as const) {
      const directory = join(house.dir, signal);
      const { child, exit, said } = spawned('--at', beforeFlush, '--foreground', '--directory', directory);
      await until(() => said().includes('stop it:      Ctrl-C'), { what: 'it is there' });
      assert.ok(existsSync(join(directory, 'throwaway.json')));
      child.kill(signal);
      assert.equal(await exit, 0, said());
      assert.equal(existsSync(directory), false);
    }
  });

  it('leaves nothing behind when Ctrl-C comes while it loads', async () => {
    await house.startWorker();
    await house.ask('DEBUG', 'POPULATE', '300000', 'cache', '100');
    await house.backup();
    const directory = join(house.dir, 'interrupted');
    const { child, exit, said } = spawned(
      '--at',
      (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).at(-1)?.backupId ?? '',
      '--directory',
      directory,
    );
    await until(() => existsSync(join(directory, 'redis.log')), { what: 'its Redis starts' });
    child.kill('SIGINT');
    assert.equal(await exit, 52, said());
    assert.match(said(), /error: the clone of main was interrupted, and nothing of it is left/);
    assert.equal(existsSync(directory), false);
  });

  it('is removed by --stop when it was killed before its Redis ran, and nobody else is', async () => {
    const directory = join(house.dir, 'killed');
    const large = (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).at(-1)?.backupId ?? ''; // of the test before
    const { child, exit } = spawned('--at', large, '--directory', directory);
    await until(() => existsSync(join(directory, '.redis-backup-clone.json')), { what: 'its directory is marked' });
    child.kill('SIGSTOP');
    assert.equal(existsSync(join(directory, 'throwaway.json')), false, 'its Redis does not run yet');
    const early = await house.command('clone', '--stop', directory);
    assert.deepEqual([early.code, existsSync(directory)], [2, true]);
    assert.match(early.stderr, /is being made, by process \d+\nnext: Wait for it/);
    child.kill('SIGKILL');
    await exit;
    const again = await house.command('clone', '--at', backupId, '--directory', directory);
    assert.match(again.stderr, /is not empty.*\nnext: .*`redis-backup clone --stop .*killed` removes it/);
    assert.match((await house.command('clone', '--stop', directory)).stdout, /^no Redis ran there yet; removed /);
    assert.equal(existsSync(directory), false);
    const foreign = await house.command('clone', '--stop', house.dir);
    assert.match(foreign.stderr, /there is no clone in/);
    assert.ok(existsSync(house.dir));
  });
});
