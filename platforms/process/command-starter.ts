import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { realFileSystem } from '../data-directory/files.ts';
import { ownAsDirectory } from '../data-directory/owner.ts';
import { WORK_DIRECTORY } from '../data-layout.ts';
import { changedAt } from '../exit-diagnostics.ts';
import { inheritedEnvironment } from '../host/inherited-environment.ts';
import { tailOf, tailOfBoth } from '../host/log-tail.ts';
import { type ProcessEntry, stillRuns } from '../host/process-table.ts';
import { userName } from '../host/users.ts';
import { findRedis, type RedisIdentity } from './find-redis.ts';
import { obstacleOf } from './start-obstacle.ts';
import { becoming, leavesUserToUs, mayNotBecome, serverAt, withGroups } from './start-user.ts';
import type { ProcessEnd, Starter, Starting } from './starter.ts';

export interface CommandStart {
  command: readonly string[];
  cwd: string;
  /** What Redis writes to standard output and error; appended to. */
  outputFile: () => Promise<string>;
  /** Added to the few variables that Redis inherits. */
  env?: Readonly<Record<string, string>>;
  identity: () => Promise<RedisIdentity>;
  /** `daemonize yes`: the command ends with code 0 while the server goes on. */
  daemonizes: () => Promise<boolean>;
  /** `logfile` of redis.conf, if it logs there. */
  serverLog: () => Promise<string | undefined>;
  /** Of its data files: a start keeps the user that Redis had. */
  owner: () => Promise<{ uid: number; gid: number }>;
}

/** Redis as a process that the worker starts and that outlives it. */
export function commandStarter(options: CommandStart): Starter {
  const { command, cwd, outputFile, identity } = options;
  const ends = new Map<number, ProcessEnd>();
  return {
    description: command.join(' '),
    restartsByItself: false,
    find: async () => findRedis(await identity()),
    startUser: () => startUser(options),
    obstacle: () => obstacleOf(options),
    begin: () => begin(options, ends),
    askToEnd,
    endOf: (pid) => (pid === undefined ? [...ends.values()].at(-1) : ends.get(pid)),
    supervised: async () => undefined,
    isDown: async () => true,
    logs: async (lines) => {
      const serverLog = await options.serverLog();
      // Before it opens its own log, Redis complains of its configuration on standard error.
      const output = await outputFile();
      return serverLog ? tailOfBoth([serverLog, output], lines) : tailOf(output, lines);
    },
    loggedAt: async () => {
      const times = await Promise.all([options.serverLog(), outputFile()].map(async (path) => changedAt(await path)));
      const known = times.filter((time) => time !== undefined);
      return known.length > 0 ? Math.max(...known) : undefined;
    },
    commandLine: async () => ({ command: [...command], cwd, ...(options.env ? { env: options.env } : {}) }),
  };
}

async function begin(options: CommandStart, ends: Map<number, ProcessEnd>): Promise<Starting> {
  const child = await spawnDetached(options);
  child.on('error', () => {}); // a failed kill; we signal by pid and look for ourselves
  const remember = (code: number | null, signal: string | null) =>
    void ends.set(child.pid ?? 0, { pid: child.pid, ...(signal ? { signal } : { code: code ?? undefined }) });
  child.once('exit', remember);
  // One that complains of its configuration may have ended before anybody listened.
  if (child.exitCode !== null || child.signalCode !== null) remember(child.exitCode, child.signalCode);
  child.unref();
  return {
    failure: async () => {
      const end = ends.get(child.pid ?? 0);
      return end?.code === 0 && (await options.daemonizes()) ? undefined : end;
    },
  };
}

/** In a session of its own, and with no pipe to us: a worker that is killed must not take Redis along. */
async function spawnDetached(options: CommandStart): Promise<ChildProcess> {
  const { cwd, outputFile, env } = options;
  const output = await openOutput(await outputFile());
  try {
    const { words, ...user } = await asOwner(options);
    const [program = '', ...args] = words;
    const child = spawn(program, args, {
      cwd,
      env: { ...inheritedEnvironment(), ...env },
      ...user,
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    await new Promise<void>((resolve, reject) =>
      child.once('spawn', resolve).once('error', (error) => reject(notStarted(program, error))),
    );
    return child;
  } finally {
    await output.close();
  }
}

/**
 * Redis that root starts would write files that it can no longer read when its own user starts it. A command that changes the
 * user itself (`setpriv`, `sudo`, a script) is left to do so.
 * @throws RecoveryError `START_FAILED` where we are neither root nor that user
 */
async function asOwner({ command, owner }: CommandStart): Promise<{ words: readonly string[]; uid?: number; gid?: number }> {
  const ids = leavesUserToUs(command) ? await owner() : undefined;
  const own = process.getuid?.();
  if (ids === undefined || own === undefined || ids.uid === own) return { words: command };
  if (own !== 0) throw mayNotBecome(ids.uid);
  const { uid, gid, through } = await becoming(await withGroups(ids));
  const at = serverAt(command);
  if (through.length > 0) return { words: [...command.slice(0, at), ...through, ...command.slice(at)] };
  return { words: command, uid, gid };
}

async function startUser({ command, owner }: CommandStart): ReturnType<Starter['startUser']> {
  if (!leavesUserToUs(command)) return { user: { from: 'command' } };
  const ids = await withGroups(await owner());
  const own = process.getuid?.();
  const user = { from: 'data' as const, user: await userName(ids.uid) };
  if (own === undefined || ids.uid === own) return { user, ids };
  if (own !== 0) return { user: { ...user, refused: mayNotBecome(ids.uid).message }, ids };
  const { lacksGroups } = await becoming(ids);
  return { user: { ...user, ...(lacksGroups.length > 0 ? { lacksGroups: lacksGroups.map(String) } : {}) }, ids };
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

async function openOutput(path: string) {
  try {
    // Not recursive: where the data directory is not mounted, none must be made in its place.
    await mkdir(dirname(path), { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const size = await stat(path).then(
      ({ size }) => size,
      () => 0,
    );
    if (size > MAX_OUTPUT_BYTES) await rename(path, `${path}.old`);
    const file = await open(path, 'a', 0o600);
    // A worker that is moved to the user of Redis must still be able to write there.
    if (basename(dirname(path)) === WORK_DIRECTORY)
      await ownAsDirectory(realFileSystem, dirname(dirname(path)), [dirname(path), path, `${path}.old`]);
    return file;
  } catch (error) {
    throw new RecoveryError('START_FAILED', `cannot write the log of Redis: ${messageOf(error)}`, {
      next: 'Check that the data directory is mounted and that the worker may write there, or set another `logFile`.',
      cause: error,
    });
  }
}

const notStarted = (program: string, cause: unknown) =>
  new RecoveryError('START_FAILED', `cannot run ${program}: ${messageOf(cause)}`, {
    next: 'Correct the start command of the instance in redis-backup.yaml.',
    cause,
  });

const askToEnd = (running: ProcessEntry | undefined): Promise<void> => sendSignal(running, 'SIGTERM');

/** @throws RecoveryError `STOP_FAILED` if the process isn't ours to signal */
export async function sendSignal(running: ProcessEntry | undefined, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  // Looked at again right before: the pid may belong to somebody else by now.
  if (!running || !(await stillRuns(running))) return;
  try {
    process.kill(running.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new RecoveryError('STOP_FAILED', `may not end process ${running.pid}: ${messageOf(error)}`, {
      next: 'Run the worker on that host as the user that Redis runs as, or as root.',
      cause: error,
    });
  }
}

/** False only where the system says that the process is somebody else's. */
export function maySignal(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EPERM';
  }
}
