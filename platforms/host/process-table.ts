import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/** One process of this host. Pids are used again, so a process is its pid and its start. */
export interface ProcessEntry {
  pid: number;
  parentPid: number;
  /** Only good for comparing: clock ticks on Linux, a date elsewhere. */
  started: string;
  /** Short name: on Debian the binary of redis-server is redis-check-rdb, but this is right. */
  name: string;
  /** As it is now: Redis replaces its own by `redis-server 127.0.0.1:6379`. */
  args: string[];
}

const onLinux = process.platform === 'linux';

/** Every process that can be seen. One that ends meanwhile is left out. */
export async function readProcesses(): Promise<ProcessEntry[]> {
  if (!onLinux)
    return parsePs((await promisify(execFile)('ps', ['-axo', PS_COLUMNS], { env: PS_ENV, maxBuffer: 1 << 26 })).stdout);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(readLinuxProcess))).filter((entry) => entry !== undefined);
}

/** `undefined` if it has ended; a zombie has. */
export async function readProcess(pid: number): Promise<ProcessEntry | undefined> {
  if (onLinux) return readLinuxProcess(pid);
  return (await readProcesses()).find((entry) => entry.pid === pid);
}

/** Whether this very process still runs, and not just its pid. */
export async function stillRuns({ pid, started }: Pick<ProcessEntry, 'pid' | 'started'>): Promise<boolean> {
  return (await readProcess(pid))?.started === started;
}

async function readLinuxProcess(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const [stat, args] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/cmdline`, 'utf8')]);
    return parseStat(pid, stat, args);
  } catch {
    return undefined; // ended between the listing and here
  }
}

/** @see proc(5): the name in parentheses may hold spaces and parentheses itself, so fields count from the last one */
export function parseStat(pid: number, stat: string, cmdline: string): ProcessEntry | undefined {
  const open = stat.indexOf('(');
  const close = stat.lastIndexOf(')');
  const fields = stat.slice(close + 2).split(' ');
  const [state, parent] = fields;
  if (state === 'Z' || state === 'X') return undefined;
  const args = cmdline.split('\0').filter((word) => word !== '');
  return { pid, parentPid: Number(parent), started: fields[19] ?? '', name: stat.slice(open + 1, close), args };
}

// lstart is five words in the C locale: Mon Nov 24 04:43:13 2025
const PS_COLUMNS = 'pid=,ppid=,stat=,lstart=,command=';
const PS_ENV = { ...process.env, LC_ALL: 'C' };
const PS_LINE = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/;

/** The output of `ps -axo pid=,ppid=,stat=,lstart=,command=` on macOS and BSD. */
export function parsePs(text: string): ProcessEntry[] {
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', started = '', command = ''] = PS_LINE.exec(line) ?? [];
    if (pid === undefined || state.startsWith('Z')) return [];
    const args = command.split(' ').filter((word) => word !== '');
    return [{ pid: Number(pid), parentPid: Number(parent), started, name: (args[0] ?? '').split('/').pop() ?? '', args }];
  });
}

/** The directory a process was started in, or has changed into. `undefined` if we may not know. */
export const cwdOf = (pid: number): Promise<string | undefined> => readlink(`/proc/${pid}/cwd`).catch(() => undefined);

/** Inodes of the TCP sockets that listen on a port in our network namespace. Empty where there is no /proc. */
export async function listeningInodes(port: number): Promise<Set<string>> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readFile(`/proc/self/net/${table}`, 'utf8').catch(() => '')));
  return new Set(tables.flatMap((table) => parseListening(table, port)));
}

/**
 * Inodes of the Unix sockets that listen under one of these paths, each as whoever listens has called it. One that has been taken
 * from its path since is still there. Empty where there is no /proc.
 */
export async function listeningAt(paths: readonly string[]): Promise<Set<string>> {
  const table = await readFile('/proc/self/net/unix', 'utf8').catch(() => '');
  return new Set(parseUnixListening(table, paths));
}

/** @see unix(7) and linux net/unix/af_unix.c unix_seq_show: `Num RefCount Protocol Flags Type St Inode Path`; 10000 listens */
export function parseUnixListening(table: string, paths: readonly string[]): string[] {
  return table.split('\n').flatMap((line) => {
    const [, flags, inode, path] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +(\d+) (.+)$/.exec(line) ?? [];
    return flags === '00010000' && path !== undefined && paths.includes(path) ? (inode ?? []) : [];
  });
}

/** Whether this very process listens on a port. False where that cannot be seen. */
export async function listensOn(pid: number, port: number): Promise<boolean> {
  if (!onLinux) {
    const args = ['-nP', '-t', '-a', '-p', `${pid}`, `-iTCP:${port}`, '-sTCP:LISTEN'];
    return promisify(execFile)('lsof', args).then(
      ({ stdout }) => stdout.trim() === `${pid}`,
      () => false,
    );
  }
  const [wanted, open] = await Promise.all([listeningInodes(port), socketInodes(pid)]);
  return [...(open ?? [])].some((inode) => wanted.has(inode));
}

/**
 * How the process calls itself, where it is in a PID namespace below ours, such as a container's; else its pid alone. Undefined
 * where that cannot be seen.
 */
export async function pidsOf(pid: number): Promise<number[] | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const line = /^NSpid:\s*(.*)$/m.exec(status)?.[1];
  return line?.split(/\s+/).map(Number);
}

/** The program that it runs; undefined if we may not know. */
export const exeOf = (pid: number): Promise<string | undefined> => readlink(`/proc/${pid}/exe`).catch(() => undefined);

/** @see proc_net_tcp(5): `sl local_address rem_address st …  inode`; 0A is LISTEN, the port is hexadecimal */
export function parseListening(table: string, port?: number): string[] {
  const suffix = port === undefined ? '' : `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[3] === '0A' && fields[1]?.endsWith(suffix) ? (fields[9] ?? []) : [];
  });
}

/** Inodes of the sockets that a process has open; `undefined` if it belongs to somebody else and we may not look. */
export async function socketInodes(pid: number): Promise<Set<string> | undefined> {
  try {
    const directory = `/proc/${pid}/fd`;
    const names = await readdir(directory);
    const links = await Promise.all(names.map((name) => readlink(`${directory}/${name}`).catch(() => '')));
    return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  } catch {
    return undefined;
  }
}

/**
 * False for a process in a container: its `*:6379` is another port than ours. Of another user's process we may not read the
 * namespace, but which sockets listen in it: their inodes are the same for all of a network, and no other has them. What
 * cannot be told is not ours.
 */
export async function sharesOurNetwork(pid: number): Promise<boolean> {
  if (!onLinux) return true;
  const [theirs, ours] = await Promise.all(
    [`/proc/${pid}/ns/net`, '/proc/self/ns/net'].map((path) => readlink(path).catch(() => undefined)),
  );
  if (theirs !== undefined && ours !== undefined) return theirs === ours;
  const [there, here] = await Promise.all([`${pid}`, 'self'].map(listenersOf));
  return [...(there ?? [])].some((inode) => here?.has(inode));
}

async function listenersOf(process: string): Promise<Set<string>> {
  const tables = ['tcp', 'tcp6'].map((table) => readFile(`/proc/${process}/net/${table}`, 'utf8').catch(() => ''));
  return new Set((await Promise.all(tables)).flatMap((table) => parseListening(table)));
}
