import { join, resolve } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { realFileSystem } from '../data-directory/files.ts';
import { fileOwnerOf } from '../data-directory/owner.ts';
import { decisiveNames } from '../data-directory/survey.ts';
import { WORK_DIRECTORY } from '../data-layout.ts';
import type { DataLayout } from '../platform.ts';
import { commandStarter } from './command-starter.ts';
import { boundAddresses, type RedisIdentity } from './find-redis.ts';
import { type RedisConf, readRedisConf, splitCommand } from './redis-conf.ts';
import { serverAt } from './start-user.ts';
import type { ProvableRedis } from './start-wish.ts';
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
  /** The port that the instance is reached at. Refused with TARGET_IDENTITY if redis.conf has another one. */
  port?: number;
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

/** The fence against a configuration that pairs the URL of one Redis with the files of another. */
const otherPort = (port: number, ports: readonly number[]) =>
  new RecoveryError(
    'TARGET_IDENTITY',
    `the instance is reached at port ${port}, but its redis.conf says ${ports.join(' and ')}`,
    {
      next: 'Make url and configFile of the instance in redis-backup.yaml name the same Redis; where something stands before it, such as a TLS terminator, name its own port by platform.port.',
    },
  );

export const layoutOf = ({ dir, dbfilename, appendonly, appenddirname, appendfilename }: RedisConf): DataLayout => ({
  dir,
  dbfilename,
  appendonly,
  appenddirname,
  appendfilename,
});
