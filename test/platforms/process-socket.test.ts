import assert from 'node:assert/strict';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUnixListening, readProcesses, stillRuns } from '../../platforms/host/process-table.ts';
import { openProcessPlatform } from '../../platforms/process/process-platform.ts';
import { openRedis } from '../../redis/client/client.ts';
import { pidOf } from '../support/processes.ts';
import { redisBinaries } from '../support/redis-binaries.ts';
import { makeSite, type ProcessSite } from './support/process-site.ts';

describe('A Redis process that listens on a Unix socket', function () {
  this.timeout(60_000);

  /** Rewrites redis.conf of a site: no port, or the one that it had, and a socket. */
  const onSocket = async (site: ProcessSite, { port = 0, unixsocket = 'redis.sock', binary = site.binary, more = '' } = {}) => {
    const conf = `bind 127.0.0.1\nport ${port}\nunixsocket ${unixsocket}\ndir ${site.dir}\nsave ""\n${more}`;
    await writeFile(site.configFile, conf);
    const socketPath = join(site.dir, unixsocket);
    const config = { start: { command: [binary, site.configFile] }, port: undefined, socketPath };
    return { config, platform: site.again(config), socketPath };
  };
  const ask = async (socketPath: string, ...args: string[]) => {
    using client = await openRedis({ host: 'localhost', port: 0, socketPath });
    return client.command(...args);
  };

  for (const binary of redisBinaries()) {
    it(`is found by that alone, started, known by what it says of itself, and stopped: ${binary.label}`, async () => {
      await using site = await makeSite();
      const { platform, socketPath } = await onSocket(site, { binary: binary.path });
      assert.deepEqual(await platform.status(), { running: false });
      const pid = pidOf(await platform.start());
      assert.equal(await ask(socketPath, 'PING'), 'PONG', 'a start ends when it listens');
      assert.equal(pidOf(await platform.status()), pid);
      const configFile = site.configFile;
      assert.deepEqual(await platform.identify({ pid, configFile, dir: site.dir }), { same: 'yes' });
      assert.equal((await platform.identify({ pid: process.pid, configFile })).same, 'no');
      await platform.stop();
      assert.deepEqual(await platform.status(), { running: false });
    });

    it(`is not taken for one that calls its socket the same, in another directory: ${binary.label}`, async () => {
      await using one = await makeSite();
      await using two = await makeSite();
      const [ours, other] = [await onSocket(one, { binary: binary.path }), await onSocket(two, { binary: binary.path })];
      const [pid, otherPid] = [pidOf(await ours.platform.start()), pidOf(await other.platform.start())];
      assert.deepEqual([pidOf(await ours.platform.status()), pidOf(await other.platform.status())], [pid, otherPid]);
      await ours.platform.stop();
      assert.deepEqual(await ours.platform.status(), { running: false });
      assert.equal(await ask(other.socketPath, 'PING'), 'PONG');
      await other.platform.stop();
    });

    it(`ends its child that saves after a kill -9, before a stop is done: ${binary.label}`, async () => {
      await using site = await makeSite();
      const { platform, socketPath } = await onSocket(site, { binary: binary.path, more: 'rdb-key-save-delay 100000\n' });
      const pid = pidOf(await platform.start());
      for (let key = 0; key < 100; key += 1) await ask(socketPath, 'SET', `k${key}`, 'v');
      await ask(socketPath, 'BGSAVE');
      const [child] = (await readProcesses()).filter(({ parentPid }) => parentPid === pid);
      assert.ok(child, 'it saves');
      process.kill(pid, 'SIGKILL');
      await platform.stop();
      assert.equal(await stillRuns(child), false);
    });
  }

  it('is the same by a path that leads there over a link, as /var/run does', async () => {
    await using site = await makeSite();
    const { config, platform } = await onSocket(site);
    const pid = pidOf(await platform.start());
    await symlink(site.dir, join(site.root, 'run'));
    const over = site.again({ ...config, socketPath: join(site.root, 'run', 'redis.sock') });
    assert.equal(pidOf(await over.status()), pid);
    await platform.stop();
    assert.deepEqual(await over.status(), { running: false });
  });

  it('is found while somebody has moved its socket away', async () => {
    await using site = await makeSite();
    const { platform, socketPath } = await onSocket(site);
    const pid = pidOf(await platform.start());
    await rename(socketPath, `${socketPath}.old`);
    assert.equal(pidOf(await platform.status()), pid);
    await platform.stop();
  });

  it('may have a port besides, by which it is found', async () => {
    await using site = await makeSite();
    const { platform, socketPath } = await onSocket(site, { port: site.port });
    const pid = pidOf(await platform.start());
    assert.equal(await ask(socketPath, 'PING'), 'PONG');
    assert.equal(pidOf(await site.platform.status()), pid, 'by its port, too');
    await platform.stop();
  });

  const refusal = (config: Parameters<typeof openProcessPlatform>[0]) =>
    assert.rejects(openProcessPlatform(config).status(), (error: Error & { code?: string; next?: string }) => {
      assert.equal(error.code, 'TARGET_IDENTITY');
      assert.match(error.next ?? '', /platform\.port or platform\.socket/);
      said = error.message;
      return true;
    });
  let said = '';

  it('is refused where redis.conf has another socket, none, or no port where the url has one', async () => {
    await using site = await makeSite();
    const { config, socketPath } = await onSocket(site);
    await mkdir(join(site.root, 'other'));
    const other = join(site.root, 'other', 'redis.sock');
    await refusal({ ...config, socketPath: other });
    assert.equal(said, `the instance is reached at socket ${other}, but its redis.conf says socket ${socketPath}`);
    await refusal({ start: config.start, port: site.port });
    assert.equal(said, `the instance is reached at port ${site.port}, but its redis.conf says socket ${socketPath}`);
    await writeFile(site.configFile, `port ${site.port}\ndir ${site.dir}\n`);
    await refusal({ ...config, socketPath });
    assert.equal(said, `the instance is reached at socket ${socketPath}, but its redis.conf says port ${site.port}`);
  });

  it('is read from the table of the system: those that listen, by the path that they gave', () => {
    const table = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 31337 /run/redis.sock
0000000000000000: 00000003 00000000 00000000 0001 03 31338 /run/redis.sock
0000000000000000: 00000002 00000000 00010000 0001 01    42 /run/with blank.sock
0000000000000000: 00000002 00000000 00010000 0001 01 31340`;
    assert.deepEqual(parseUnixListening(table, ['/run/redis.sock', '/run/with blank.sock']), ['31337', '42']);
  });
});
