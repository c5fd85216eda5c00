import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import { realFiles } from '../data-directory/files.ts';
import { ownerOf } from '../data-directory/owner.ts';
import { decisiveNames } from '../data-directory/survey.ts';
import { WORK_DIRECTORY } from '../data-layout.ts';
import { changedAt, memoryKill, processSince } from '../exit-diagnostics.ts';
import { hostMemory, residentBytes } from '../host/host-memory.ts';
import { reasonIn } from '../host/log-tail.ts';
import { exeOf, type ProcessEntry, stillRuns } from '../host/process-table.ts';
import type { Control, DataLayout, PlatformStatus, ProcessExit } from '../platform.ts';
import { isExecutable } from '../throwaway/server-binary.ts';
import { commandStarter, maySignal, sendSignal } from './command-starter.ts';
import { settingsOf } from './conf-settings.ts';
import { boundAddresses, findOrphans, listens, type RedisIdentity } from './find-redis.ts';
import { identify } from './identify.ts';
import { type RedisConf, readRedisConf, splitCommand } from './redis-conf.ts';
import { proveStart } from './start-proof.ts';
import { besideNow, serverAt } from './start-user.ts';
import type { ProvableRedis } from './start-wish.ts';
import type { Starter, Starting } from './starter.ts';
import { systemdStarter } from './systemd-starter.ts';

export interface ProcessPlatformConfig {
  /** By a command, in a directory (default `/`), or by systemd. */
  start:
    | {
        command: string[];
        cwd?: string;
        /** Where standard output goes. Default `<data directory>/.redis-backup/server.log`. */
        logFile?: string;
        env?: Record<string, string>;
      }
    | { systemd: string; user?: boolean };
  /** redis.conf. Default: what the start command names. */
  configFile?: string;
  /** Default: `pidfile` of redis.conf. */
  pidFile?: string;
  /** The port that the instance is reached at. Refused with TARGET_IDENTITY if redis.conf has another one. */
  port?: number;
  /** How long a stop may take before STOP_FAILED. Default 60 s; a server that saves on the way out may need more. */
  stopTimeoutMs?: number;
  /** How long until a process must be there and listen. It listens before it loads. Default 30 s. */
  startTimeoutMs?: number;
}

/** Pids are used again, so a process is its pid and its start. */
const identityOf = ({ pid, started }: ProcessEntry): string => `process ${pid} started at ${started}`;

async function statusOf(found: ProcessEntry): Promise<PlatformStatus> {
  const sinceMs = await processSince(found.pid);
  return {
    running: true,
    identity: identityOf(found),
    name: `process ${found.pid}`,
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

/** As the command that starts it names it, by its path. */
const programIn = ({ command }: { command: readonly string[] }): string | undefined =>
  command.find((word) => /^\/(?:.*\/)?(?:redis|valkey)-server[^/]*$/.test(word));

/** While a server runs. */
const POLL_MS = 100;
/** While clients wait for it. */
const QUICK_POLL_MS = 20;
const SETTLED_MS = 1000;
const LAST_LINES = 40;

/** Redis as a process of this host. See Control for what each step promises. */
export function openProcessPlatform(config: ProcessPlatformConfig): Control {
  const redis = localRedis(config);
  const { starter } = redis;
  const status = async (): Promise<PlatformStatus> => {
    const found = await starter.find();
    if (!found) return { running: false };
    // A supervisor ends it for us.
    const mayNotEnd = !starter.restartsByItself && !maySignal(found.pid);
    return { ...(await statusOf(found)), ...(mayNotEnd ? { mayNotEnd } : {}) };
  };
  return {
    description: `${starter.description} on host ${hostname()}`,
    restartsByItself: starter.restartsByItself,
    status,
    startUser: async () => besideNow((await starter.startUser()).user, (await starter.find())?.pid),
    start: async (signal) => {
      const running = await starter.find();
      if (running) return statusOf(running);
      signal?.throwIfAborted();
      return statusOf(await untilUp(redis, await starter.begin(), signal));
    },
    stop: (signal, withinMs = redis.stopTimeoutMs) => stop(redis, withinMs, signal),
    kill: (identity, signal) => kill(starter, identity, signal),
    exited: (signal) => exited(starter, signal),
    logs: (lines) => starter.logs(lines),
    dataLayout: async () => layoutOf(await redis.conf()),
    databases: async () => (await redis.conf()).databases,
    renamedCommands: async () => (await redis.conf()).renamed,
    confKnowledge: async () => {
      const conf = await redis.conf();
      const commands = Object.fromEntries(Object.entries(conf.renamed).map(([real, { name }]) => [real, name]));
      return { commands, settings: settingsOf(conf) };
    },
    proveStart: (ask, signal) => proveStart(redis, ask, signal),
    loadDirectives: async () => (await redis.conf()).loadDirectives,
    trace: async () => {
      const { configFile } = await redis.identity().catch(() => ({ configFile: undefined }));
      const [configChangedAtMs, programChangedAtMs] = await Promise.all([
        changedAt(configFile),
        changedAt(programIn(await starter.commandLine())),
      ]);
      const seen = (await starter.supervised()) ?? { end: starter.endOf(), crashLoop: false };
      const loggedAtMs = await starter.loggedAt?.().catch(() => undefined); // only a hint
      return {
        ...seen,
        ...(loggedAtMs === undefined ? {} : { loggedAtMs }),
        ...(configChangedAtMs === undefined ? {} : { configChangedAtMs }),
        ...(programChangedAtMs === undefined ? {} : { programChangedAtMs }),
      };
    },
    memoryKill: (pid) => memoryKill(pid),
    memory: async () => {
      const pid = (await starter.find())?.pid;
      const { availableBytes, totalBytes, cgroup } = await hostMemory(pid);
      const resident = pid === undefined ? undefined : await residentBytes(pid);
      return {
        hostTotalBytes: totalBytes,
        hostAvailableBytes: availableBytes,
        ...(cgroup ? { limit: cgroup } : {}),
        ...(resident === undefined ? {} : { residentBytes: resident }),
      };
    },
    program: async () => {
      const running = await starter.find().catch(() => undefined);
      const own = running && (await exeOf(running.pid));
      const named = programIn(await starter.commandLine());
      for (const path of [own, named]) if (path !== undefined && (await isExecutable(path))) return path;
      return undefined;
    },
    identify: (said) => identify(redis, said),
  };
}

interface LocalRedis extends ProvableRedis {
  port: number | undefined;
  identity: () => Promise<RedisIdentity>;
  startTimeoutMs: number;
  stopTimeoutMs: number;
}

function localRedis(config: ProcessPlatformConfig): LocalRedis {
  const { start, port, pidFile, stopTimeoutMs = 60_000, startTimeoutMs = 30_000 } = config;
  const fileOf = (command: readonly string[], cwd: string) => {
    const named = config.configFile ?? splitCommand(command).configFile;
    return named === undefined ? undefined : resolve(cwd, named);
  };
  const conf = async () => {
    const { command, cwd } = await starter.commandLine();
    return readRedisConf(fileOf(command, cwd), { cwd, overrides: splitCommand(command).overrides });
  };
  const identity = async (): Promise<RedisIdentity> => {
    const { command, cwd } = await starter.commandLine();
    const read = await conf();
    const ports = [read.port, read.tlsPort].filter((one) => one > 0);
    if (port !== undefined && ports.length > 0 && !ports.includes(port)) throw otherPort(port, ports);
    return {
      ports: ports.length === 0 && port !== undefined ? [port] : ports,
      configFile: fileOf(command, cwd),
      pidFile: pidFile ?? read.pidfile,
      addresses: boundAddresses(read.directives.get('bind')?.values),
      dir: read.dir,
      program: command[serverAt(command)],
      uid: async () => (await ownerOf(realFiles, read.dir, decisiveNames(layoutOf(read)))).uid,
    };
  };
  const serverLog = async () => (await conf()).logfile;
  const starter: Starter =
    'systemd' in start
      ? systemdStarter({ unit: start.systemd, user: start.user ?? false, serverLog })
      : commandStarter({
          ...start,
          cwd: start.cwd ?? '/',
          outputFile: async () => start.logFile ?? join((await conf()).dir, WORK_DIRECTORY, 'server.log'),
          identity,
          daemonizes: async () => (await conf()).daemonize,
          serverLog,
          owner: async () => {
            const layout = layoutOf(await conf());
            return ownerOf(realFiles, layout.dir, decisiveNames(layout));
          },
        });
  return { starter, conf, fileOf, identity, port, stopTimeoutMs, startTimeoutMs };
}

/** The fence against a configuration that pairs the URL of one Redis with the files of another. */
const otherPort = (port: number, ports: readonly number[]) =>
  new RecoveryError(
    'TARGET_IDENTITY',
    `the instance is reached at port ${port}, but its redis.conf says ${ports.join(' and ')}`,
    {
      next: 'Make url and configFile of the instance in redis-backup.yaml name the same Redis; where something stands before it, such as a TLS terminator, name its own port by platform.port.',
    },
  );

const layoutOf = ({ dir, dbfilename, appendonly, appenddirname, appendfilename }: RedisConf): DataLayout => ({
  dir,
  dbfilename,
  appendonly,
  appenddirname,
  appendfilename,
});

/** A process that listens, which Redis does before it loads; or that has been there for a second, where we may not see that. */
async function untilUp(
  { starter, identity, startTimeoutMs }: LocalRedis,
  starting: Starting,
  signal?: AbortSignal,
): Promise<ProcessEntry> {
  const begun = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const found = await starter.find();
    const listening = found !== undefined && (await listens(found, await identity()));
    const tookMs = performance.now() - begun;
    // Asked after looking: a process that had ended just before must not count as up.
    const failure = await starting.failure();
    if (failure) throw startFailed(starter, await starter.logs(LAST_LINES), failure);
    if (found && (listening || tookMs > SETTLED_MS) && (await stillRuns(found))) return found;
    if (tookMs > startTimeoutMs) {
      throw startFailed(starter, await starter.logs(LAST_LINES), { why: `no process within ${startTimeoutMs / 1000} s` });
    }
    await sleep(tookMs < SETTLED_MS ? QUICK_POLL_MS : POLL_MS, undefined, { signal });
  }
}

function startFailed(
  { description }: Starter,
  lines: string[],
  { code, signal, why }: { code?: number; signal?: string; why?: string },
) {
  const how = [why, signal && `ended by ${signal}`, code !== undefined && `exit code ${code}`].filter(Boolean).join(', ');
  return new RecoveryError('START_FAILED', `${description} did not start (${how}): ${reasonIn(lines)}`, {
    next: 'Correct what the last lines of its log say, then try again.',
  });
}

/** Asks each process once, then waits until it, the supervisor's wish to restart it and its saving children are gone. */
async function stop({ starter, identity }: LocalRedis, withinMs: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs;
  const seen = new Set<number>();
  for (;;) {
    const running = await starter.find();
    signal?.throwIfAborted(); // one that was left to itself must not end what runs by now
    if (running) seen.add(running.pid);
    if (seen.size > MAX_COMEBACKS + 1) throw comesBack(starter, seen);
    const down = !running && (await starter.isDown());
    if (down && (await endOrphans(await identity()))) return;
    if (!down) await starter.askToEnd(running);
    do {
      if (performance.now() > deadline) throw stopFailed(starter, running, await starter.logs(LAST_LINES), withinMs);
      await sleep(running ? QUICK_POLL_MS : POLL_MS, undefined, { signal });
    } while (running && (await stillRuns(running)));
  }
}

/** The one that was to be stopped, one that somebody else may have started in this moment, and then it is a supervisor. */
const MAX_COMEBACKS = 1;

const comesBack = ({ description }: Starter, pids: ReadonlySet<number>) =>
  new RecoveryError(
    'STOP_FAILED',
    `${description} does not stay stopped: something starts it again each time (processes ${[...pids].join(', ')})`,
    {
      next: 'Stop the supervisor that does so, or configure its unit as platform.start.systemd.',
    },
  );

async function kill(starter: Starter, identity: string, signal?: AbortSignal): Promise<void> {
  const running = await starter.find();
  if (!running) return;
  const found = identityOf(running);
  if (found !== identity) throw anotherProcess(starter, identity, found);
  await sendSignal(running, 'SIGKILL');
  while (await stillRuns(running)) await sleep(QUICK_POLL_MS, undefined, { signal });
}

const anotherProcess = ({ description }: Starter, meant: string, found: string) =>
  new RecoveryError('TARGET_IDENTITY', `${description} was ${meant} and is ${found} now: it is left alone`, {
    next: 'Look at the Redis that runs now, and start the recovery again if it is needed.',
  });

/** Ends children that save for a server that is gone, the way Redis itself ends them. True when there is none. */
async function endOrphans(identity: RedisIdentity): Promise<boolean> {
  const orphans = await findOrphans(identity);
  for (const orphan of orphans) if (await stillRuns(orphan)) process.kill(orphan.pid, 'SIGUSR1');
  return orphans.length === 0;
}

function stopFailed({ description }: Starter, running: ProcessEntry | undefined, lines: string[], afterMs: number) {
  const who = running ? `process ${running.pid}` : 'a child that saves';
  return new RecoveryError('STOP_FAILED', `${description}: ${who} is still there after ${afterMs / 1000} s: ${reasonIn(lines)}`, {
    next: `If its log says that it cannot save, free disk space or send SHUTDOWN NOSAVE; if it hangs, end it with kill -9 ${running?.pid ?? ''}`.trimEnd(),
  });
}

async function exited(starter: Starter, signal?: AbortSignal): Promise<ProcessExit> {
  const running = await starter.find();
  if (!running) return { ...starter.endOf(), lastLines: await starter.logs(LAST_LINES) };
  do await sleep(POLL_MS, undefined, { signal });
  while (await stillRuns(running));
  await sleep(POLL_MS, undefined, { signal }); // its exit code comes right after
  return { pid: running.pid, ...starter.endOf(running.pid), lastLines: await starter.logs(LAST_LINES) };
}
