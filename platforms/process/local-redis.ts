import { join, resolve } from 'node:path';
import { realFileSystem } from '../data-directory/files.ts';
import { fileOwnerOf } from '../data-directory/owner.ts';
import { decisiveNames } from '../data-directory/survey.ts';
import { WORK_DIRECTORY } from '../data-layout.ts';
import { layoutOf, readRedisConf, splitCommand } from '../redis-conf.ts';
import { commandStarter } from './command-starter.ts';
import { requireEndpoint } from './endpoint.ts';
import { boundAddresses, type RedisIdentity } from './find-redis.ts';
import type { ProvableRedis } from './start-options.ts';
import { serverAt } from './start-user.ts';
import type { Starter } from './starter.ts';
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
  /** The port or Unix socket that the instance is reached at. Refused with TARGET_IDENTITY if redis.conf has another one. */
  port?: number;
  socketPath?: string;
  /** How long a stop may take before STOP_FAILED. Default 60 s; a server that saves on the way out may need more. */
  stopTimeoutMs?: number;
  /** How long until a process must be there and listen. It listens before it loads. Default 30 s. */
  startTimeoutMs?: number;
}

/** A Redis of this host: what starts it, and what its redis.conf says. Nothing is looked at before it is asked. */
export interface LocalRedis extends ProvableRedis {
  port: number | undefined;
  identity: () => Promise<RedisIdentity>;
  startTimeoutMs: number;
  stopTimeoutMs: number;
}

export function localRedis(config: ProcessPlatformConfig): LocalRedis {
  const { start, port, socketPath, pidFile, stopTimeoutMs = 60_000, startTimeoutMs = 30_000 } = config;
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
    await requireEndpoint({ port, socketPath }, { ports, socket: read.unixsocket });
    return {
      ports: ports.length === 0 && port !== undefined ? [port] : ports,
      socketPath: read.unixsocket,
      configFile: fileOf(command, cwd),
      pidFile: pidFile ?? read.pidfile,
      addresses: boundAddresses(read.directives.get('bind')?.values),
      dir: read.dir,
      program: command[serverAt(command)],
      uid: async () => (await fileOwnerOf(realFileSystem, read.dir, decisiveNames(layoutOf(read)))).uid,
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
            return fileOwnerOf(realFileSystem, layout.dir, decisiveNames(layout));
          },
        });
  return { starter, conf, fileOf, identity, port, stopTimeoutMs, startTimeoutMs };
}
