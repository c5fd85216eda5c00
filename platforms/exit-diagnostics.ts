import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { MemoryKill } from './platform.ts';

const KERNEL_LOG_WITHIN_MS = 1_000;
const KERNEL_LOG_BYTES = 8 * 1024 * 1024;
/** What the kernel counts process starts in, on every Linux that Node runs on (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

/** Where the kernel tells: for tests. */
export interface KernelSources {
  kernelLog(): Promise<string>;
  proc: string;
  cgroup: string;
}

const real: KernelSources = {
  kernelLog: async () => {
    const options = { timeout: KERNEL_LOG_WITHIN_MS, maxBuffer: KERNEL_LOG_BYTES };
    return (await promisify(execFile)('dmesg', [], options)).stdout;
  },
  proc: '/proc',
  cgroup: '/sys/fs/cgroup',
};

/**
 * Looks for traces of a kill for memory: the kernel's log, which names the process, and the counter of our own control group,
 * which a Redis started by us shares and which doesn't. Neither is readable everywhere.
 * @param pid - of the process that is gone, as its log has it
 */
export async function memoryKill(pid: number | undefined, sources: KernelSources = real): Promise<MemoryKill> {
  const text = await sources.kernelLog().catch(() => undefined);
  const killed = [...(text ?? '').matchAll(/Killed process (\d+),? \(([^)]*)\)/g)].map(([, id, name]) => ({
    pid: Number(id),
    name,
  }));
  const own = killed.find((one) => one.pid === pid);
  if (own) return { verdict: 'yes', why: `the kernel's log has "Killed process ${own.pid} (${own.name})"` };
  const redis = killed.findLast(({ name }) => /redis|valkey/.test(name ?? ''));
  if (redis)
    return {
      verdict: 'possible',
      why: `the kernel's log has "Killed process ${redis.pid} (${redis.name})", which may be another one`,
    };
  const count = await killsInGroup(sources);
  if (count !== undefined && count > 0)
    return { verdict: 'possible', why: `its control group counts ${count} kills for memory, of whatever process` };
  if (text !== undefined && text !== '') return { verdict: 'no', why: "the kernel's log has no kill of it" };
  if (count === 0) return { verdict: 'no', why: 'its control group counts no kill for memory' };
  return { verdict: 'unknown', why: "neither the kernel's log nor a control group could be read" };
}

/** @see cgroups(7): version 2 counts in memory.events, version 1 in memory.oom_control, both as `oom_kill N` */
async function killsInGroup({ proc, cgroup }: KernelSources): Promise<number | undefined> {
  const text = await readFile(join(proc, 'self/cgroup'), 'utf8').catch(() => '');
  const version1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(text)?.[1];
  const version2 = /^0::(.*)$/m.exec(text)?.[1];
  const files = [
    ...(version2 === undefined ? [] : upwards(version2).map((path) => join(cgroup, path, 'memory.events'))),
    ...(version1 === undefined ? [] : upwards(version1).map((path) => join(cgroup, 'memory', path, 'memory.oom_control'))),
  ];
  for (const file of files) {
    const count = /^oom_kill (\d+)$/m.exec(await readFile(file, 'utf8').catch(() => ''))?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

/** In a container the path may start outside of what is seen, so the root is the last to be tried. */
const upwards = (path: string): string[] => (path === '/' ? ['/'] : [path, ...upwards(dirname(path))]);

/** When a process was started, milliseconds since 1970; undefined where there is no /proc. */
export async function processSince(pid: number): Promise<number | undefined> {
  const [text, system] = await Promise.all(
    [`/proc/${pid}/stat`, '/proc/stat'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const ticks = Number(text?.slice(text.lastIndexOf(')') + 2).split(' ')[19]);
  const boot = Number(/^btime (\d+)$/m.exec(system ?? '')?.[1]);
  const ms = boot * 1000 + (ticks / TICKS_PER_SECOND) * 1000;
  return Number.isNaN(ms) ? undefined : ms;
}

/** When the contents of a file, or what stands in its place, were last changed; undefined if there is none. */
export const changedAt = (path: string | undefined): Promise<number | undefined> =>
  path === undefined
    ? Promise.resolve(undefined)
    : stat(path).then(
        ({ mtimeMs, ctimeMs }) => Math.max(mtimeMs, ctimeMs),
        () => undefined,
      );
