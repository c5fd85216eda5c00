import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import { findBinary } from '../../test/support/binaries.ts';
import { freePort } from '../../test/support/redis-server.ts';
import { ROOT } from './narrator.ts';

export const INSTANCE = 'main';

/** What the demo runs on: all of it on free ports of this machine, and in one directory. */
export interface World {
  directory: string;
  config: string;
  redis: { port: number; configFile: string; logFile: string; dataDirectory: string };
  temporal: { address: string; webUi: string };
}

/** Where backups go. */
export interface Place {
  url: string;
  endpoint?: string;
}

const READY_WITHIN_MS = 60_000;
const started: { name: string; child: ChildProcess }[] = [];

/** A process that outlives us only with --keep. What it says goes to `<name>.log`. */
function start(directory: string, name: string, file: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const log = openSync(join(directory, `${name}.log`), 'a');
  const child = spawn(file, args, {
    cwd: directory,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  });
  child.once('error', () => undefined); // seen by whoever waits for it
  child.unref();
  started.push({ name, child });
  return child;
}

/** Waits until it holds, or says what the process logged. */
async function until(holds: () => Promise<boolean> | boolean, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await holds())) {
    if (child.exitCode !== null || child.pid === undefined || Date.now() > deadline) {
      throw new Error(`${log.split('/').at(-1)?.replace('.log', '')} did not start; its log ends with:\n${tail(log)}`);
    }
    await sleep(50);
  }
}

const tail = (file: string): string =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-15).join('\n') : '(no log)';

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

export async function prepareWorld(directory: string, place: Place): Promise<World> {
  const [redisPort, temporalPort, uiPort] = [await freePort(), await freePort(), await freePort()];
  const dataDirectory = join(directory, 'redis-data');
  mkdirSync(dataDirectory, { recursive: true });
  const world: World = {
    directory,
    config: join(directory, 'redis-backup.yaml'),
    redis: {
      port: redisPort,
      configFile: join(directory, 'redis.conf'),
      logFile: join(directory, 'redis.log'),
      dataDirectory,
    },
    temporal: { address: `127.0.0.1:${temporalPort}`, webUi: `http://127.0.0.1:${uiPort}` },
  };
  writeFileSync(world.redis.configFile, redisConf(world));
  writeFileSync(world.config, configuration(world, place));
  return world;
}

/** As many run it: snapshots by default rules, no append-only file. `check --apply` mends that. */
const redisConf = ({ redis }: World): string => `bind 127.0.0.1
port ${redis.port}
dir ${redis.dataDirectory}
logfile ${redis.logFile}
appendonly no
repl-diskless-sync-delay 0
`;

const configuration = ({ directory, redis, temporal }: World, { url, endpoint }: Place): string => `repository:
  url: ${url}
${endpoint ? `  endpoint: ${endpoint}\n` : ''}temporal:
  address: ${temporal.address}
  namespace: default
worker:
  host: demo # what runs on this machine, this worker may stop and start
instances:
  ${INSTANCE}:
    url: redis://127.0.0.1:${redis.port}
    platform:
      type: process
      host: demo
      configFile: ${redis.configFile}
      start: { command: [${findBinary('redis-server')}, ${redis.configFile}], cwd: ${directory}, logFile: ${redis.logFile} }
    backup:
      every: 6h
    archive: # the continuous log
      restartDelay: 1s # of a large Redis it is longer: a new base is a fork and a full transfer
    recovery:
      warmup: { window: 1s, windows: 2, minLookups: 20, target: 0.9, limit: 10s } # of a real cache: minutes
    applications:
      - name: shop # must reach the restored Redis, or everything is put back
        kind: command
        command: [${findBinary('redis-cli')}, -p, "${redis.port}", DBSIZE]
`;

export async function startTemporal({ directory, temporal }: World): Promise<void> {
  const [, port = ''] = temporal.address.split(':');
  const uiPort = new URL(temporal.webUi).port;
  const attributes = Object.values(SEARCH_ATTRIBUTES).flatMap((name) => ['--search-attribute', `${name}=Keyword`]);
  const database = ['--db-filename', join(directory, 'temporal.db')];
  const args = [
    'server',
    'start-dev',
    '--ip',
    '127.0.0.1',
    '--port',
    port,
    '--ui-port',
    uiPort,
    '--log-level',
    'error',
    ...database,
  ];
  const child = start(directory, 'temporal', findBinary('temporal'), [...args, ...attributes]);
  // It listens before the namespace is there.
  await until(() => serves(temporal.address), child, join(directory, 'temporal.log'));
  await until(() => listens(Number(uiPort)), child, join(directory, 'temporal.log'));
}

function serves(address: string): boolean {
  try {
    execFileSync(findBinary('temporal'), ['operator', 'namespace', 'describe', '-n', 'default', '--address', address], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false; // not yet: the caller has the deadline
  }
}

export async function startRedis({ directory, redis }: World): Promise<void> {
  const child = start(directory, 'redis-server', findBinary('redis-server'), [redis.configFile]);
  await until(() => listens(redis.port), child, redis.logFile);
}

export async function startWorker({ directory, config }: World): Promise<void> {
  const child = start(directory, 'worker', join(ROOT, 'cli/redis-backup'), ['worker', '--config', config]);
  const log = join(directory, 'worker.log');
  await until(() => readFileSync(log, 'utf8').includes('worker is ready'), child, log);
}

/** One command, the way `redis-cli` sends it. */
export const redisCli = ({ redis }: World, ...args: string[]): string =>
  execFileSync(findBinary('redis-cli'), ['-p', `${redis.port}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();

/** Everything that the demo started, and the Redis that the worker started in its place. */
export function processes(world: World): { name: string; pid: number }[] {
  const own = started
    .filter(({ child }) => child.pid !== undefined && child.exitCode === null && child.signalCode === null)
    .map(({ name, child }) => ({ name, pid: child.pid as number }));
  const redis = redisPid(world);
  return redis === undefined || own.some(({ pid }) => pid === redis) ? own : [...own, { name: 'redis-server', pid: redis }];
}

export function redisPid(world: World): number | undefined {
  try {
    return Number(/process_id:(\d+)/.exec(redisCli(world, 'INFO', 'server'))?.[1]);
  } catch {
    return undefined; // it does not run
  }
}
