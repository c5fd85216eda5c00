import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { listensOn } from '../../../platforms/host/process-table.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { untilLoaded } from '../../../platforms/throwaway/load.ts';
import { findServerBinary } from '../../../platforms/throwaway/server-binary.ts';
import {
  findThrowaway,
  type LoadProgress,
  type StartThrowawayOptions,
  startThrowaway,
  type Throwaway,
} from '../../../platforms/throwaway/throwaway.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { ownDirectory } from '../../support/processes.ts';
import { describeBinary, isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { freePort, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const KEYS = 50;
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const openClient = (connection: { host: string; port: number; password?: string }) => openRedis(connection);

async function ask(throwaway: Throwaway, password: string | undefined, ...command: string[]): Promise<unknown> {
  using client = await openRedis({ host: throwaway.host, port: throwaway.port, ...(password === undefined ? {} : { password }) });
  return await client.command(...command);
}

describe('a throw-away Redis', () => {
  let home: string;
  let directory: string;
  const logs = new Map<string, string>();

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'redis-backup-throwaway-'));
    ownDirectory(home);
    for (const binary of redisBinaries()) {
      await using redis = await startRedis({ binary: binary.path, config: { appendonly: 'yes' } });
      for (let i = 0; i < KEYS; i++) await redis.command('SET', `key:${i}`, 'value');
      await redis.stop();
      const kept = join(home, `log-${binary.version}`);
      cpSync(redis.dir, kept, { recursive: true });
      logs.set(binary.path, kept);
    }
  });
  after(() => rm(home, { recursive: true }));
  beforeEach(async () => {
    directory = await mkdtemp(join(home, 'throwaway-'));
  });
  afterEach(async () => {
    await (await findThrowaway(directory).catch(() => undefined))?.stop({ keepDirectory: true });
    await rm(directory, { recursive: true, force: true });
  });

  const [system = ''] = redisBinaries().map(({ path }) => path);
  const start = async (options: Partial<StartThrowawayOptions> = {}): Promise<Throwaway> => {
    const binary = options.binary ?? system;
    cpSync(logs.get(binary) ?? '', directory, { recursive: true });
    return startThrowaway({ binary, directory, openClient, ...options });
  };

  for (const { path, label } of redisBinaries()) {
    it(`of ${label} has the data of the log, and is gone with its directory after stop`, async () => {
      const throwaway = await start({ binary: path, databases: 20, maxMemoryBytes: 200_000_000 });
      assert.equal(await ask(throwaway, undefined, 'DBSIZE'), KEYS);
      const config = async (name: string) => ((await ask(throwaway, undefined, 'CONFIG', 'GET', name)) as string[])[1];
      assert.equal(await config('save'), '');
      assert.equal(await config('databases'), '20');
      assert.equal(await config('bind'), '127.0.0.1');
      assert.equal(await config('maxmemory'), '200000000');
      assert.equal(await config('aof-load-truncated'), 'no');
      await throwaway.stop();
      assert.equal(await throwaway.isRunning(), false);
      assert.equal(existsSync(directory), false);
      await throwaway.stop(); // again
    });
  }

  it('asks for its password, and keeps it from other users and from every message', async () => {
    const password = 'a "very" secret word';
    const throwaway = await start({ password });
    assert.equal(await ask(throwaway, password, 'DBSIZE'), KEYS);
    await assert.rejects(ask(throwaway, undefined, 'DBSIZE'), { code: 'REDIS_AUTH_FAILED' });
    assert.equal(statSync(join(directory, 'redis.conf')).mode & 0o777, 0o600);
    await assert.rejects(start({ password, modules: [['/nowhere.so']], port: await freePort() }), (error: Error) => {
      assert.doesNotMatch(`${error.message}${error.cause}`, /secret/);
      return true;
    });
  });

  it('says with the last lines of its log why it does not come up, and nothing of it runs', async () => {
    cpSync(logs.get(system) ?? '', directory, { recursive: true });
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('.incr.aof')) appendFileSync(join(directory, name), '*2\r\n$3\r\nGET\r\n');
    }
    await assert.rejects(startThrowaway({ binary: system, directory, openClient }), {
      code: 'START_FAILED',
      message: /ended \(exit code 1\).*Unexpected end of file/,
    });
    assert.equal(await findThrowaway(directory), undefined);
    assert.match(readFileSync(join(directory, 'redis.log'), 'utf8'), /Unexpected end of file/);
  });

  it('is not spoken to before its own process listens: who has its port may be another, and must not be sent the password', async () => {
    let looks = 0;
    const opened: number[] = [];
    const client = { command: async () => 'process_id:7\r\nloading:0', close: () => {} };
    await untilLoaded({
      pid: 7,
      listens: async () => ++looks > 3,
      open: async () => {
        opened.push(looks);
        return client;
      },
      hasEnded: () => undefined,
    });
    assert.deepEqual(opened, [4]);
    const throwaway = await start();
    assert.equal(await listensOn(throwaway.pid, throwaway.port), true);
    assert.equal(await listensOn(process.pid, throwaway.port), false);
  });

  it('says so when the port that was asked for is taken, by a Redis or by anything else', async () => {
    const other = await start();
    const second = await mkdtemp(join(home, 'throwaway-'));
    cpSync(logs.get(system) ?? '', second, { recursive: true });
    await assert.rejects(startThrowaway({ binary: system, directory: second, openClient, port: other.port }), {
      code: 'START_FAILED',
      message: /Address already in use/,
    });
    assert.equal(await ask(other, undefined, 'DBSIZE'), KEYS, 'the one that was there first goes on');
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    const port = await new Promise<number>((resolve) =>
      server.once('listening', () => resolve((server.address() as { port: number }).port)),
    );
    await assert.rejects(startThrowaway({ binary: system, directory: second, openClient, port }), { code: 'START_FAILED' });
    server.close();
  });

  it('is refused where it would start empty, or be open to all', async () => {
    mkdirSync(join(directory, 'appendonlydir'));
    writeFileSync(join(directory, 'dump.rdb'), 'REDIS');
    const options = { binary: system, directory, openClient };
    await assert.rejects(startThrowaway(options), { code: 'INPUT_INVALID', message: /has no append-only log/ });
    await assert.rejects(startThrowaway({ ...options, bind: '0.0.0.0' }), {
      code: 'INPUT_INVALID',
      message: /without a password/,
    });
    await assert.rejects(startThrowaway({ ...options, directory: '/nowhere' }), { code: 'START_FAILED' });
  });

  it('tells how far it has loaded, and is ended when the wait is cancelled', async () => {
    const { path } = redisBinaries().find((found) => isAtLeast(found, 7)) ?? { path: system };
    const log = join(logs.get(path) ?? '', 'appendonlydir', 'appendonly.aof.1.incr.aof');
    cpSync(logs.get(path) ?? '', directory, { recursive: true });
    const one = '*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\nv\r\n';
    appendFileSync(join(directory, 'appendonlydir', 'appendonly.aof.1.incr.aof'), one.repeat(1_500_000));
    const cancel = new AbortController();
    const seen: LoadProgress[] = [];
    const onProgress = (progress: LoadProgress) => {
      seen.push(progress);
      cancel.abort(new Error('cancelled by the test'));
    };
    const starting = startThrowaway({ binary: path, directory, openClient, onProgress, signal: cancel.signal });
    await assert.rejects(starting, /cancelled by the test/);
    assert.ok((seen[0]?.totalBytes ?? 0) > statSync(log).size, JSON.stringify(seen));
    assert.equal(await findThrowaway(directory), undefined);
  });

  /** The process id of a throw-away Redis whose starter has ended. */
  const startFromChild = async (detached: boolean): Promise<number> => {
    cpSync(logs.get(system) ?? '', directory, { recursive: true });
    const module = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../../${path}`, import.meta.url)));
    const script = `
      import { startThrowaway } from ${module('platforms/throwaway/throwaway.ts')};
      import { openRedis } from ${module('redis/client/client.ts')};
      const throwaway = await startThrowaway({ ...${JSON.stringify({ binary: system, directory, detached })}, openClient: (to) => openRedis(to) });
      process.stdout.write(String(await throwaway.isRunning() && throwaway.pid), () => process.exit(0));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    assert.match(stdout, /^\d+$/, 'it ran');
    return Number(stdout);
  };

  it('goes on when the command that started it has ended, and can be found and stopped', async () => {
    const pid = await startFromChild(true);
    const found = await findThrowaway(directory);
    assert.ok(found);
    assert.deepEqual([found.pid, await found.isRunning()], [pid, true]);
    assert.equal(await ask(found, undefined, 'DBSIZE'), KEYS);
    await found.stop();
    assert.equal(existsSync(directory), false);
    assert.equal(await found.isRunning(), false);
  });

  it('else ends with the process that has started it', async () => {
    const pid = await startFromChild(false);
    await until(() => !isAlive(pid), { what: 'the end of the throw-away Redis' });
    assert.equal(await (await findThrowaway(directory))?.isRunning(), false);
  });

  it('is ended by force when it does not go', async () => {
    const throwaway = await start();
    process.kill(throwaway.pid, 'SIGSTOP');
    await throwaway.stop({ timeoutMs: 200 });
    assert.equal(await throwaway.isRunning(), false);
  });
});

describe('the binary for a throw-away Redis', () => {
  it('is the one that is named, which may be that of the running server, or the first on PATH', async () => {
    for (const { path, version } of redisBinaries()) {
      assert.equal(await findServerBinary({ explicit: path }), path);
      await using redis = await startRedis({ binary: path });
      const command = [path, redis.configFile];
      const found = await findServerBinary({ explicit: (await openProcessPlatform({ start: { command } }).program()) ?? '' });
      const directory = await mkdtemp(join(tmpdir(), 'redis-backup-throwaway-'));
      await using _ = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
      writeFileSync(join(directory, 'appendonly.aof'), '*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n');
      const throwaway = await startThrowaway({ binary: found, directory, openClient });
      assert.match(String(await ask(throwaway, undefined, 'INFO', 'server')), new RegExp(`redis_version:${version}`));
      await throwaway.stop();
    }
    assert.equal(describeBinary(await findServerBinary()).product, 'redis');
  });

  it('is refused by name when it cannot be run', async () => {
    await assert.rejects(findServerBinary({ explicit: '/etc/passwd' }), {
      code: 'CONFIG_INVALID',
      message: /\/etc\/passwd is not the absolute path of an executable file/,
    });
  });
});
