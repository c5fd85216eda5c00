import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { findBinary } from './binaries.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { endWhatRunsIn, killAtTheEnd, ownDirectory } from './processes.ts';
import { describeBinary, type RedisBinary } from './redis-binaries.ts';
import { configText, type RedisOptions, SOCKET } from './redis-config.ts';
import { until } from './until.ts';

export type { RedisOptions } from './redis-config.ts';

export interface RedisServer extends AsyncDisposable {
  readonly binary: RedisBinary;
  readonly port: number;
  readonly dir: string;
  readonly pid: number;
  readonly configFile: string;
  readonly logFile: string;
  readonly connection: RedisConnection;
  readonly certificates?: Certificates;
  /** A connection of its own; closed with the server. */
  client(): Promise<RedisClient>;
  /** Runs a command over a connection that is kept for this. */
  command(...args: string[]): Promise<unknown>;
  dbsize(db?: number): Promise<number>;
  log(): string;
  isRunning(): boolean;
  /** Sends the signal and, where it ends the process, waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** The way an operator stops it: SIGTERM, which saves where save points exist. */
  stop(): Promise<void>;
  /** Starts it again (stopping it first if it runs) on the same port and directory. */
  restart(until?: RedisOptions['until']): Promise<void>;
  /** Waits for the end of the process; its exit code, or the signal that ended it. */
  exited(): Promise<number | string>;
}

const READY_WITHIN_MS = 30_000;

/** SAVE, as soon as no child writes: one that has sent its RDB to a replica, or to a backup, is there a moment longer. */
export const save = (ask: (...args: string[]) => Promise<unknown>): Promise<void> =>
  until(async () => {
    const answer = await ask('SAVE').catch(String);
    if (answer === 'OK') return true;
    assert.match(String(answer), /save already in progress/);
    return false;
  });

/** Starts a real Redis on a free loopback port, in a fresh directory of its own. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const binary = describeBinary(options.binary ?? findBinary('redis-server'));
  for (let attempt = 1; ; attempt++) {
    const server = await prepare(binary, options);
    try {
      await server.restart(options.until);
      return server;
    } catch (error) {
      const log = server.log();
      await server[Symbol.asyncDispose]();
      // Between our finding a free port and Redis' binding it, somebody else may have taken it.
      if (attempt === 5 || !log.includes('Address already in use')) throw error;
    }
  }
}

async function prepare(binary: RedisBinary, options: RedisOptions): Promise<RedisServer> {
  const home = await mkdtemp(join(tmpdir(), 'redis-backup-redis-'));
  ownDirectory(home);
  const dir = join(home, 'data');
  mkdirSync(dir);
  for (const [name, content] of Object.entries(options.seed ?? {})) seedFile(join(dir, name), content);
  const certificates = options.tls ? makeCertificates(home) : undefined;
  const port = await freePort();
  const configFile = join(home, 'redis.conf');
  const logFile = join(home, 'redis.log');
  writeFileSync(configFile, configText({ port, dir, logFile, certificates, binary, options }));
  const connection: RedisConnection = {
    host: '127.0.0.1',
    port,
    ...(options.socket ? { socketPath: join(dir, SOCKET) } : {}),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(certificates ? { tls: { ca: certificates.ca, ...clientCertificate(options, certificates) } } : {}),
  };
  return serverOf({ binary, home, dir, port, configFile, logFile, connection, certificates });
}

function seedFile(path: string, content: Buffer | { from: string }): void {
  mkdirSync(dirname(path), { recursive: true });
  if (Buffer.isBuffer(content)) writeFileSync(path, content);
  else copyFileSync(content.from, path);
}

const clientCertificate = ({ tls }: RedisOptions, { clientCert, clientKey }: Certificates) =>
  tls === 'mutual' ? { cert: clientCert, key: clientKey } : {};

interface ServerParts {
  binary: RedisBinary;
  home: string;
  dir: string;
  port: number;
  configFile: string;
  logFile: string;
  connection: RedisConnection;
  certificates?: Certificates;
}

function serverOf({ home, ...parts }: ServerParts): RedisServer {
  let child: ChildProcess | undefined;
  const clients: RedisClient[] = [];
  let own: RedisClient | undefined;
  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  const log = () => readIfThere(parts.logFile) + readIfThere(join(home, 'output'));
  const closeClients = () => {
    for (const client of clients.splice(0)) client.close();
    own = undefined;
  };
  const client = async () => {
    const opened = await openRedis(parts.connection);
    clients.push(opened);
    return opened;
  };
  const command = async (...args: string[]) => {
    own ??= await client();
    return own.command(...args);
  };
  const exited = async () => {
    if (isRunning() && child) {
      child.ref(); // it was unref'd, and a script that only waits for it would end here
      await once(child, 'exit');
    }
    return child?.exitCode ?? child?.signalCode ?? 'never started';
  };
  const kill = async (signal: NodeJS.Signals) => {
    if (!isRunning()) return;
    child?.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    closeClients(); // after the signal: what a client sees then is a Redis that goes
    await exited();
  };
  const restart = async (until: RedisOptions['until'] = 'loaded') => {
    await kill('SIGTERM');
    child = spawnServer(parts.binary.path, parts.configFile, home);
    if (until !== 'started') await untilReady(parts.connection, until, isRunning, log);
  };
  return {
    ...parts,
    get pid() {
      return child?.pid ?? 0;
    },
    client,
    command,
    dbsize: async (db = 0) => (await (await client()).dbsizes()).find((found) => found.db === db)?.keys ?? 0,
    log,
    isRunning,
    kill,
    stop: () => kill('SIGTERM'),
    restart,
    exited,
    async [Symbol.asyncDispose]() {
      closeClients();
      await kill('SIGKILL');
      endWhatRunsIn(home); // a Redis that the software under test has started there
      await rm(home, { recursive: true, force: true });
    },
  };
}

export function spawnServer(binary: string, configFile: string, home: string): ChildProcess {
  const output = openSync(join(home, 'output'), 'a');
  const child = spawn(binary, [configFile], { stdio: ['ignore', output, output], cwd: home });
  closeSync(output);
  return killAtTheEnd(child);
}

async function untilReady(
  connection: RedisConnection,
  until: 'loaded' | 'connected',
  isRunning: () => boolean,
  log: () => string,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      using client = await openRedis(connection, { connectTimeoutMs: 2000, commandTimeoutMs: 5000 });
      await (until === 'loaded' ? client.ping() : client.info('server'));
      return;
    } catch (error) {
      if (!isRunning() || Date.now() > deadline) {
        const what = isRunning() ? `did not answer within ${READY_WITHIN_MS} ms` : 'ended';
        throw new Error(`the Redis under test ${what}; its log:\n${log().slice(-4000)}`, { cause: error });
      }
      await sleep(10);
    }
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it ended before it wrote any
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
