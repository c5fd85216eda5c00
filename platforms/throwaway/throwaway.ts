import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { inheritedEnvironment } from '../host/inherited-environment.ts';
import { reasonIn, tailOf } from '../host/log-tail.ts';
import { listensOn, readProcess, stillRuns } from '../host/process-table.ts';
import { LOG_FILE, type ThrowawaySettings, writeThrowawayConf } from './conf.ts';
import { type LoadProgress, type OpenThrowawayClient, untilLoaded } from './load.ts';

export type { ThrowawaySettings } from './conf.ts';
export type { LoadProgress, OpenThrowawayClient, ThrowawayClient } from './load.ts';

export interface StartThrowawayOptions extends ThrowawaySettings {
  /** See `findServerBinary`. */
  binary: string;
  /**
   * Of its own: all that is in it goes with the server. It has the append-only directory, or the single file of Redis 6, that
   * the server begins with; nothing, with `isEmpty`.
   */
  directory: string;
  /** Default 0: a free one. */
  port?: number;
  /** `openRedis` of redis/. */
  openClient: OpenThrowawayClient;
  /** It goes on when this process ends, until somebody calls `findThrowaway` and `stop`. Default: it ends with this process. */
  detached?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: LoadProgress) => void;
}

/** A Redis that nobody depends on. */
export interface Throwaway {
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  isRunning(): Promise<boolean>;
  /** Ends it, by force if it does not go in `timeoutMs`, and removes its directory unless it is to be kept. Idempotent. */
  stop(options?: { keepDirectory?: boolean; timeoutMs?: number }): Promise<void>;
}

interface ThrowawayRecord {
  formatVersion: 1;
  pid: number;
  /** A pid is used again; the pair is not. */
  started: string;
  host: string;
  port: number;
}

const RECORD = 'throwaway.json';
const ATTEMPTS = 5;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/**
 * Starts a Redis with a configuration of its own, and returns when it has loaded its data.
 * @throws RecoveryError `START_FAILED` with the last lines of its log, when nothing of it runs any more; `INPUT_INVALID` for a
 *   server that others could reach without a password, and for a directory without a log: it would start empty
 */
export async function startThrowaway(options: StartThrowawayOptions): Promise<Throwaway> {
  const { port = 0, bind = '127.0.0.1' } = options;
  if (!LOOPBACK.test(bind) && options.password === undefined) throw openToAll(bind);
  const directory = await realpath(options.directory).catch((error) => {
    throw startFailed(`its directory cannot be used: ${messageOf(error)}`, error);
  });
  if (!options.isEmpty) await requireLog(directory, options);
  await rm(join(directory, LOG_FILE), { force: true });
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptStart({ ...options, directory, bind }, port === 0 ? await freePort(bind) : port);
    } catch (error) {
      // Between our finding a free port and Redis' binding it, somebody else may have taken it.
      const isTaken = port === 0 && /Address already in use/.test(messageOf(error));
      if (!isTaken || attempt === ATTEMPTS) throw error;
    }
  }
}

/** What `startThrowaway` has left in a directory, by whichever process; undefined if nothing has. */
export async function findThrowaway(directory: string): Promise<Throwaway | undefined> {
  const text = await readFile(join(directory, RECORD), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : throwawayOf(await realpath(directory), JSON.parse(text) as ThrowawayRecord);
}

async function attemptStart(options: StartThrowawayOptions & { bind: string }, port: number): Promise<Throwaway> {
  const { directory, bind, password, signal, openClient, onProgress } = options;
  await requireFreePort(bind, port);
  const child = await spawnServer(options, await writeThrowawayConf(directory, port, options));
  const pid = child.pid ?? 0;
  const host = bind === '0.0.0.0' || bind === '::' || bind === '*' ? '127.0.0.1' : bind;
  const started = (await readProcess(pid))?.started ?? '';
  const record: ThrowawayRecord = { formatVersion: 1, pid, started, host, port };
  const throwaway = throwawayOf(directory, record);
  try {
    await writeRecord(directory, record);
    const connection = { host, port, ...(password === undefined ? {} : { password }) };
    await untilLoaded({
      open: () => openClient(connection),
      pid,
      listens: () => listensOn(pid, port),
      hasEnded: () => hasEnded(child),
      signal,
      onProgress,
    });
    return throwaway;
  } catch (error) {
    await throwaway.stop({ keepDirectory: true });
    signal?.throwIfAborted();
    throw startFailed(`${messageOf(error)}: ${reasonIn(await tailOf(join(directory, LOG_FILE), 40))}`, error);
  }
}

/** Whole or not there: whoever wants to stop it must be able to read it. */
async function writeRecord(directory: string, record: ThrowawayRecord): Promise<void> {
  const path = join(directory, RECORD);
  await writeFile(`${path}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): string | undefined =>
  exitCode === null && signalCode === null ? undefined : `it ended (${signalCode ?? `exit code ${exitCode}`})`;

async function spawnServer({ binary, directory, detached = false }: StartThrowawayOptions, conf: string): Promise<ChildProcess> {
  // The log file itself: before it opens that, Redis complains of its configuration on standard error.
  const output = await open(join(directory, LOG_FILE), 'a', 0o600);
  try {
    const child = spawn(binary, [conf], {
      argv0: 'redis-server', // the file may be called redis-check-rdb, and would be that
      cwd: directory,
      env: inheritedEnvironment(),
      detached,
      stdio: ['ignore', output.fd, output.fd],
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.on('error', () => {}); // a failed kill; we look for ourselves
    child.unref();
    if (!detached) endWithUs(child);
    return child;
  } catch (error) {
    throw startFailed(`cannot run ${binary}: ${messageOf(error)}`, error);
  } finally {
    await output.close();
  }
}

function endWithUs(child: ChildProcess): void {
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}

function throwawayOf(directory: string, { pid, started, host, port }: ThrowawayRecord): Throwaway {
  const isRunning = () => stillRuns({ pid, started });
  return {
    directory,
    host,
    port,
    pid,
    isRunning,
    async stop({ keepDirectory = false, timeoutMs = 5_000 } = {}) {
      const deadline = performance.now() + timeoutMs;
      // SIGTERM is SHUTDOWN NOSAVE for a server without save points, and needs no connection and no password.
      for (let asked = false; await isRunning(); asked = true) {
        if (performance.now() > deadline) signalTo(pid, 'SIGKILL');
        else if (!asked) signalTo(pid, 'SIGTERM');
        await sleep(20);
      }
      await rm(join(directory, RECORD), { force: true });
      if (!keepDirectory) await rm(directory, { recursive: true, force: true });
    },
  };
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return; // gone since we looked
    throw new RecoveryError('STOP_FAILED', `may not end the throw-away Redis, process ${pid}: ${messageOf(error)}`, {
      next: 'End it as the user that has started it, or as root.',
      cause: error,
    });
  }
}

async function requireLog(directory: string, { appenddirname = 'appendonlydir', appendfilename }: ThrowawaySettings) {
  const name = appendfilename ?? 'appendonly.aof';
  const inside = await readdir(join(directory, appenddirname)).catch(() => [] as string[]);
  if (inside.includes(`${name}.manifest`) || (await readdir(directory)).includes(name)) return;
  throw new RecoveryError('INPUT_INVALID', `${directory} has no append-only log: a Redis would start there without a key`, {
    next: 'Put an append-only directory there first.',
  });
}

/** @throws RecoveryError `START_FAILED` for a port that is in use, or that we may not have */
export async function requireFreePort(host: string, port: number): Promise<void> {
  const server = createServer();
  server.listen(port, host === '*' ? '0.0.0.0' : host);
  await once(server, 'listening').catch((error) => {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const why = isTaken ? 'Address already in use, by somebody else' : messageOf(error);
    throw new RecoveryError('START_FAILED', `the throw-away Redis was not started: cannot listen on ${host}:${port}: ${why}`, {
      next: 'Give a port that is free, or none: then a free one is taken.',
      cause: error,
    });
  });
  server.close();
  await once(server, 'close');
}

export async function freePort(host: string): Promise<number> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening').catch((error) => {
    throw startFailed(`cannot listen on ${host}: ${messageOf(error)}`, error);
  });
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

const openToAll = (bind: string): RecoveryError =>
  new RecoveryError('INPUT_INVALID', `a throw-away Redis on ${bind} without a password would give its data to everybody`, {
    next: 'Give it a password, or let it listen on 127.0.0.1.',
  });

const startFailed = (why: string, cause?: unknown): RecoveryError =>
  new RecoveryError('START_FAILED', `the throw-away Redis did not start: ${why}`, {
    next: 'Correct what the last lines of its log say, then try again.',
    cause,
  });
