import { readFile, realpath } from 'node:fs/promises';
import { isIP } from 'node:net';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import {
  cwdOf,
  exeOf,
  listeningAt,
  listeningInodes,
  type ProcessEntry,
  pidsOf,
  readProcesses,
  sharesOurNetwork,
  socketInodes,
} from '../host/process-table.ts';
import { userOfProcess } from '../host/users.ts';

/** What tells our Redis from any other process. */
export interface RedisIdentity {
  /** The ports that it would listen on: plain, TLS. */
  ports: readonly number[];
  /** The Unix socket that it would listen on: it tells who is meant where there is no port. Absolute. */
  socketPath?: string;
  /** Absolute. */
  configFile?: string;
  pidFile?: string;
  /** The addresses that it binds, by redis.conf. Absent: any, or a name. */
  addresses?: readonly string[];
  /** Its data directory, the program that it is started with, and whom its data belongs to: they tell one from another. */
  dir?: string;
  program?: string;
  uid?: () => Promise<number>;
}

const SERVER = /^(?:redis|valkey)-server/;
// What Redis makes of its arguments: `/usr/bin/redis-server 127.0.0.1:6379`, `redis-server *:6379 [cluster]`
// or, without a port, `redis-server unixsocket:redis.sock`, and `redis-server *:0` before 6.2
const LISTENS = String.raw`(?:unixsocket:(?<socket>.+?)|(?<address>\S*):(?<port>\d+))(?: \[\w+\])?\s*$`;
const SERVER_TITLE = new RegExp(String.raw`(?:redis|valkey)-server[^/\s]* ${LISTENS}`);
const CHILD_TITLE = new RegExp(String.raw`(?:redis|valkey)-(?:rdb-bgsave|aof-rewrite)\S* ${LISTENS}`);

/** A title is one word to the system, and what it was written over may follow. */
const titleIn = (pattern: RegExp, { args }: Pick<ProcessEntry, 'args'>) =>
  pattern.exec(args[0]?.includes(' ') ? args[0] : args.join(' '))?.groups;

/**
 * Finds the Redis server that is meant, and never another process: it is a redis-server or valkey-server, and it listens on the
 * port or socket; or, while it doesn't listen yet or no longer, its title names that, its arguments name the configuration file, or
 * the pid file names it. Children that save have the same name and are left out.
 * @returns undefined if it does not run
 * @throws RecoveryError `TARGET_IDENTITY` if several processes could be meant, so that none is signalled by mistake
 */
export async function findRedis(identity: RedisIdentity): Promise<ProcessEntry | undefined> {
  const servers = serversOf(await readProcesses());
  if (servers.length === 0) return undefined;
  const listening = await listenersAmong(servers, identity);
  if (listening.length > 0) return theOne(await notOthers(listening, identity), identity);
  const named: ProcessEntry[] = [];
  const pid = await pidFrom(identity.pidFile);
  for (const server of servers) {
    if (!(await isNamed(server, identity, pid))) continue;
    if (await sharesOurNetwork(server.pid)) named.push(server);
  }
  return theOne(await notOthers(named, identity), identity);
}

/**
 * Without those that say that they are another: on another address of the same port, or of another configuration file. One
 * that stands in our data directory is ours all the same.
 */
async function notOthers(found: readonly ProcessEntry[], identity: RedisIdentity): Promise<ProcessEntry[]> {
  const home = await real(identity.dir);
  const isOurs = await Promise.all(
    found.map(async (one) => {
      const cwd = await cwdOf(one.pid);
      return (home !== undefined && cwd === home) || !isAnother(one, cwd, identity);
    }),
  );
  return found.filter((_, index) => isOurs[index]);
}

function isAnother(one: ProcessEntry, cwd: string | undefined, { addresses, configFile }: RedisIdentity): boolean {
  const title = titleIn(SERVER_TITLE, one) ?? titleIn(CHILD_TITLE, one);
  if (title?.socket !== undefined) return false; // it was found by that
  if (title) return addresses !== undefined && isAddress(title.address) && !addresses.includes(plain(title.address));
  const [, file] = one.args;
  if (file === undefined || file.startsWith('-') || configFile === undefined) return false;
  if (!isAbsolute(file) && cwd === undefined) return false;
  return resolve(cwd ?? '/', file) !== configFile && basename(file) !== basename(configFile);
}

/** Redis writes the first address that it binds into its title, and `*` for any. */
const isAddress = (text = ''): text is string => isIP(plain(text)) !== 0 && !['0.0.0.0', '::'].includes(plain(text));

/** `-::1`: Redis goes on without it. */
const plain = (address: string): string => address.replace(/^-/, '');

/** What `bind` says, if that is addresses alone. */
export function boundAddresses(values: readonly string[] | undefined): string[] | undefined {
  return values && values.length > 0 && values.every(isAddress) ? values.map(plain) : undefined;
}

/** Absolute and real, or undefined. */
const real = async (path: string | undefined): Promise<string | undefined> =>
  path?.startsWith('/') ? realpath(path).catch(() => path) : undefined;

/** Without links. The socket itself is there only while somebody listens. */
export const realSocket = async (path: string): Promise<string> =>
  realpath(path).catch(async () => join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path)));

/**
 * Children that go on saving although their server is gone, after a kill -9 for instance. Left alone, such a child renames its
 * file over whatever stands there when it is done, a restored dump.rdb too.
 */
export async function findOrphans(identity: RedisIdentity): Promise<ProcessEntry[]> {
  const processes = await readProcesses();
  const servers = new Set(serversOf(processes).map(({ pid }) => pid));
  const orphans = processes.filter((one) => {
    const titled = titleIn(CHILD_TITLE, one);
    if (!titled || servers.has(one.parentPid)) return false;
    return identity.ports.length === 0 ? titled.port === undefined : identity.ports.includes(Number(titled.port));
  });
  const ours = await Promise.all(orphans.map((orphan) => isOurOrphan(orphan, identity)));
  return notOthers(
    orphans.filter((_, index) => ours[index]),
    identity,
  );
}

async function isOurOrphan(one: ProcessEntry, identity: RedisIdentity): Promise<boolean> {
  const socket = titleIn(CHILD_TITLE, one)?.socket;
  return socket === undefined ? sharesOurNetwork(one.pid) : isOurSocket(one.pid, socket, identity);
}

function serversOf(processes: readonly ProcessEntry[]): ProcessEntry[] {
  const servers = processes.filter(({ name, args }) => SERVER.test(name) || SERVER.test(basename(args[0] ?? '')));
  const pids = new Set(servers.map(({ pid }) => pid));
  return servers.filter((one) => !pids.has(one.parentPid) && !titleIn(CHILD_TITLE, one));
}

/** Whether it listens where it would, as far as we may see. Redis does before it loads. */
export const listens = async (server: ProcessEntry, identity: RedisIdentity): Promise<boolean> =>
  (await listenersAmong([server], identity)).length > 0;

async function listenersAmong(servers: readonly ProcessEntry[], identity: RedisIdentity): Promise<ProcessEntry[]> {
  const { ports } = identity;
  if (ports.length === 0) return socketListenersAmong(servers, identity);
  const sets = await Promise.all(ports.filter((port) => port > 0).map(listeningInodes));
  return ownersAmong(servers, new Set(sets.flatMap((set) => [...set])));
}

async function ownersAmong(servers: readonly ProcessEntry[], inodes: ReadonlySet<string>): Promise<ProcessEntry[]> {
  if (inodes.size === 0) return [];
  const open = await Promise.all(servers.map(({ pid }) => socketInodes(pid)));
  return servers.filter((_, index) => [...(open[index] ?? [])].some((inode) => inodes.has(inode)));
}

async function socketListenersAmong(servers: readonly ProcessEntry[], identity: RedisIdentity): Promise<ProcessEntry[]> {
  const { whole, inside } = await namesOfSocket(identity);
  const found = await ownersAmong(servers, await listeningAt(whole));
  const relative = inside === undefined ? [] : await ownersAmong(servers, await listeningAt([inside]));
  const ours = await Promise.all(relative.map(({ pid }) => standsIn(pid, identity)));
  return [...found, ...relative.filter((_, index) => ours[index])];
}

/** Under which names its socket may be known. The one from its data directory is another socket for each server. */
async function namesOfSocket({ socketPath, dir }: RedisIdentity): Promise<{ whole: string[]; inside?: string }> {
  if (socketPath === undefined) return { whole: [] };
  const whole = [socketPath, await realSocket(socketPath)];
  return dir === undefined ? { whole } : { whole, inside: relative(dir, socketPath) };
}

const standsIn = async (pid: number, { dir }: RedisIdentity): Promise<boolean> => (await cwdOf(pid)) === (await real(dir));

async function isNamed(one: ProcessEntry, identity: RedisIdentity, pidOfFile?: number): Promise<boolean> {
  const { pid, args } = one;
  const { ports, configFile } = identity;
  const titled = titleIn(SERVER_TITLE, one);
  if (titled?.socket !== undefined) return ports.length === 0 && (await isOurSocket(pid, titled.socket, identity));
  if (Number(titled?.port) > 0) return ports.includes(Number(titled?.port));
  const [, file] = titled ? [] : args;
  if (file !== undefined && !file.startsWith('-')) return resolve((await cwdOf(pid)) ?? '/', file) === configFile;
  // A pid file may be stale, so it only decides about a Redis server that says nothing else of itself.
  return pid === pidOfFile;
}

async function isOurSocket(pid: number, titled: string, identity: RedisIdentity): Promise<boolean> {
  const { whole, inside } = await namesOfSocket(identity);
  return isAbsolute(titled) ? whole.includes(titled) : titled === inside && (await standsIn(pid, identity));
}

export async function pidFrom(pidFile: string | undefined): Promise<number | undefined> {
  if (pidFile === undefined) return undefined;
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/** Of several what is not ours is left out, by what each of them says of itself; a sign that fits none says nothing. */
async function theOne(found: readonly ProcessEntry[], identity: RedisIdentity): Promise<ProcessEntry | undefined> {
  let left = [...found];
  for (const fits of await signsOf(identity)) {
    if (left.length <= 1) return left[0];
    const fit = await Promise.all(left.map(({ pid }) => fits(pid)));
    const fitting = left.filter((_, index) => fit[index]);
    if (fitting.length > 0) left = fitting;
  }
  if (left.length <= 1) return left[0];
  throw several(left, identity);
}

type Sign = (pid: number) => Promise<boolean>;

/** The surest first: a container has PIDs of its own, and Redis stands in its data directory. */
async function signsOf({ dir, pidFile, program, uid }: RedisIdentity): Promise<Sign[]> {
  const [home, exe, named] = await Promise.all([real(dir), real(program), pidFrom(pidFile)]);
  return [
    async (pid) => ((await pidsOf(pid)) ?? [pid]).length === 1,
    async (pid) => home !== undefined && (await cwdOf(pid)) === home,
    async (pid) => pid === named,
    async (pid) => exe !== undefined && (await exeOf(pid)) === exe,
    async (pid) => uid !== undefined && (await userOfProcess(pid))?.uid === (await uid().catch(() => undefined)),
  ];
}

function several(found: readonly ProcessEntry[], { ports, socketPath, configFile }: RedisIdentity): RecoveryError {
  const pids = found.map(({ pid }) => pid).join(', ');
  const meant = configFile ?? (ports.length > 0 ? `port ${ports.join(' or ')}` : socketPath);
  return new RecoveryError('TARGET_IDENTITY', `several Redis servers could be the one of ${meant}: processes ${pids}`, {
    next: 'Let it write a pid file: `pidfile /run/redis/redis.pid` in its redis.conf and a restart by hand, or name the file that it writes by platform.pidFile; or stop the ones that are too many.',
  });
}
