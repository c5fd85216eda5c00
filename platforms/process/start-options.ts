import { isAbsolute, join, resolve } from 'node:path';
import { messageOf } from '../../model/errors.ts';
import type { ConfSources } from '../../model/restore/next-start.ts';
import { quoteArg } from '../../model/split-args.ts';
import { userOfProcess } from '../host/users.ts';
import { optionsAsText, type RedisConf, splitCommand } from '../redis-conf.ts';
import { freePort } from '../throwaway/throwaway.ts';
import { becoming, isKnownWrapper, serverAt } from './start-user.ts';
import type { Starter } from './starter.ts';

/** What is known of how a Redis is started. */
export interface ProvableRedis {
  starter: Starter;
  conf: () => Promise<RedisConf>;
  /** redis.conf of a command line, absolute. */
  fileOf: (command: readonly string[], cwd: string) => string | undefined;
}

/** What is started beside a Redis. */
export interface StartOptions {
  program: string[];
  cwd: string;
  env?: Readonly<Record<string, string>>;
  configFile?: string;
  overrides: string[];
  conf: RedisConf;
  sources: ConfSources;
  user?: ProofUser;
}

interface ProofUser {
  uid: number;
  gid: number;
  /** Becomes that user before it runs the program; empty: Node does, or the start command itself. */
  through: string[];
  byNode: boolean;
}

/** In the directory of the proof: its path must be short. */
export const SOCKET = 's';

export async function startOptionsOf({ starter, conf, fileOf }: ProvableRedis): Promise<StartOptions | { why: string }> {
  const { command, cwd, env } = await starter.commandLine();
  const at = serverAt(command);
  if (at < 0) return { why: `it is started by ${command[0] ?? 'nothing'}, and what that starts is not known` };
  if (at > 0 && !isKnownWrapper(command[0]))
    return { why: `it is started through ${command[0]}, which cannot be tried beside it` };
  const read = await conf().catch((error) => messageOf(error));
  if (typeof read === 'string') return { why: read };
  if (read.modulePaths.some((path) => !isAbsolute(path))) return { why: 'redis.conf names a module by a relative path' };
  const user = await userOf(starter);
  if (typeof user === 'string') return { why: user };
  const configFile = fileOf(command, cwd);
  return {
    program: [...(at === 0 ? (user?.through ?? []) : []), ...command.slice(0, at + 1)],
    cwd,
    ...(env ? { env } : {}),
    ...(configFile ? { configFile } : {}),
    overrides: splitCommand(command).overrides,
    conf: read,
    sources: sourcesOf(read, configFile),
    ...(user ? { user: { ...user, byNode: at === 0 && user.through.length === 0 } } : {}),
  };
}

function sourcesOf(conf: RedisConf, configFile: string | undefined): ConfSources {
  const { directives, usersIn, dir } = conf;
  const aclfile = directives.get('aclfile')?.values[0];
  const follows = (directives.get('replicaof') ?? directives.get('slaveof'))?.values.join(' ');
  const usersIncludedFrom = [...usersIn].find((file) => file !== configFile);
  return {
    ...(configFile ? { configFile } : {}),
    ...(aclfile ? { aclfile: resolve(dir, aclfile) } : {}),
    elsewhere: new Map([...directives].filter(([, { from }]) => from !== configFile).map(([name, { from }]) => [name, from])),
    ...(usersIncludedFrom === undefined ? {} : { usersIncludedFrom }),
    madeAbsolute: new Set(relativePaths(conf).map(([name]) => name)),
    ...(follows && follows.toLowerCase() !== 'no one' ? { follows } : {}),
  };
}

/** As whom it runs, else would be started, where that is somebody else than we; a text says why we cannot be that. */
async function userOf({ find, startUser }: Starter): Promise<Omit<ProofUser, 'byNode'> | string | undefined> {
  const pid = (await find())?.pid;
  const ids = (pid === undefined ? undefined : await userOfProcess(pid)) ?? (await startUser()).ids;
  if (ids === undefined || ids.uid === process.geteuid?.()) return undefined;
  if (process.geteuid?.() !== 0) return `it runs as user ${ids.uid}, and this worker may not start anything as that user`;
  return becoming(ids);
}

/** Read by Redis from its standard input: nothing of it is written anywhere, and no argument names the real redis.conf. */
export async function startSettingsOf(
  { configFile, overrides, conf, sources }: StartOptions,
  directory: string,
): Promise<string> {
  const has = (name: string) => conf.directives.has(name);
  const lines: [string, ...string[]][] = [
    ['port', '0'],
    ['unixsocket', join(directory, SOCKET)],
    ['unixsocketperm', '700'],
    ['daemonize', 'no'],
    ['supervised', 'no'],
    ['pidfile', join(directory, 'pid')],
    ['logfile', ''],
    ...(has('syslog-enabled') ? [['syslog-enabled', 'no'] as [string, string]] : []),
    ...(has('cluster-enabled') ? [['cluster-enabled', 'no'] as [string, string]] : []),
    ...(sources.follows ? [['replicaof', 'no', 'one'] as [string, string, string]] : []),
    ...relativePaths(conf).map(([name, path]): [string, string] => [name, resolve(conf.dir, path)]),
    ...(await tlsSettings(conf)),
    ['dir', directory],
  ];
  const own = lines.map(([name, ...values]) => `${name} ${values.map(quoteArg).join(' ')}\n`).join('');
  const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
  return bytes(`${configFile ? `include ${quoteArg(configFile)}\n` : ''}${optionsAsText(overrides)}\n${own}`);
}

const PATH = /^(?:aclfile|tls-.*-file|tls-ca-cert-dir)$/;

/** They count from `dir`, which is another one here. */
const relativePaths = ({ directives }: RedisConf): [name: string, path: string][] =>
  [...directives].flatMap(
    ([
      name,
      {
        values: [path = ''],
      },
    ]): [string, string][] => (PATH.test(name) && path !== '' && !isAbsolute(path) ? [[name, path]] : []),
  );

/** Its certificates are read only where it listens: on another port, and for nobody but us. */
async function tlsSettings({ directives, tlsPort }: RedisConf): Promise<[string, string][]> {
  if (!directives.has('tls-port')) return [];
  if (tlsPort === 0) return [['tls-port', '0']];
  return [
    ['bind', '127.0.0.1'],
    ['tls-port', `${await freePort('127.0.0.1')}`],
  ];
}
