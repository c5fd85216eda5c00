import { readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

export interface HostMemory {
  /** What the kernel could give to a new process without swapping. Not reduced by the limit of a control group. */
  availableBytes: number;
  totalBytes: number;
  /** The lowest limit on the way from a process's control group to the root; absent if there is none. */
  cgroup?: { limitBytes: number; usedBytes: number };
}

/** Where /proc and the control groups are: for tests. */
export interface MemoryRoots {
  proc: string;
  cgroup: string;
}

/**
 * Memory of this host, and the limit of a process's control group, version 1 or 2. What the Redis to be replaced uses now is
 * counted as used: the caller adds what it will free.
 * @param pid - the Redis server whose limit counts; without it, our own. A start by command inherits ours.
 */
export async function hostMemory(
  pid?: number,
  roots: MemoryRoots = { proc: '/proc', cgroup: '/sys/fs/cgroup' },
): Promise<HostMemory> {
  const meminfo = await textOf(join(roots.proc, 'meminfo'));
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? Number.NaN);
  const total = kilobytes('MemTotal') * 1024;
  const available = kilobytes('MemAvailable') * 1024;
  const totalBytes = Number.isNaN(total) ? totalmem() : total;
  const cgroup = await cgroupMemory(await textOf(join(roots.proc, String(pid ?? 'self'), 'cgroup')), roots.cgroup, totalBytes);
  return { availableBytes: Number.isNaN(available) ? freemem() : available, totalBytes, ...(cgroup && { cgroup }) };
}

/** @see cgroups(7): `0::/path` is version 2, `4:memory:/path` version 1; in a container the path may start outside of what it sees */
async function cgroupMemory(text: string, root: string, totalBytes: number): Promise<HostMemory['cgroup']> {
  const version1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(text)?.[1];
  const version2 = /^0::(.*)$/m.exec(text)?.[1];
  const found: NonNullable<HostMemory['cgroup']>[] = [];
  if (version2 !== undefined) found.push(...(await limitsUpwards(root, version2, 'memory.max', 'memory.current')));
  if (version1 !== undefined) {
    found.push(...(await limitsUpwards(join(root, 'memory'), version1, 'memory.limit_in_bytes', 'memory.usage_in_bytes')));
  }
  // Version 1 says "none" with a number near 2^63; a limit above what the host has is none, either.
  const real = found.filter(({ limitBytes }) => limitBytes < totalBytes);
  return real.sort((one, other) => one.limitBytes - one.usedBytes - (other.limitBytes - other.usedBytes))[0];
}

async function limitsUpwards(root: string, path: string, limitFile: string, usedFile: string) {
  const limits: NonNullable<HostMemory['cgroup']>[] = [];
  for (let level = path; ; level = dirname(level)) {
    const limitBytes = Number.parseInt(await textOf(join(root, level, limitFile)), 10); // `max` is no number
    const usedBytes = Number.parseInt(await textOf(join(root, level, usedFile)), 10);
    if (!Number.isNaN(limitBytes)) limits.push({ limitBytes, usedBytes: Number.isNaN(usedBytes) ? 0 : usedBytes });
    if (level === '/' || level === '.') return limits;
  }
}

/** Empty if it isn't there: macOS has none of these, a root group has no limit. */
const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** What a process holds in memory now and frees when it ends; undefined where there is no /proc, or no such process. */
export async function residentBytes(
  pid: number,
  roots: Pick<MemoryRoots, 'proc'> = { proc: '/proc' },
): Promise<number | undefined> {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(await textOf(join(roots.proc, String(pid), 'status')));
  return found ? Number(found[1]) * 1024 : undefined;
}
