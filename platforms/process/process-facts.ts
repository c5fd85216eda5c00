import { changedAt, processSince } from '../exit-diagnostics.ts';
import { hostMemory, residentBytes } from '../host/host-memory.ts';
import { exeOf, type ProcessEntry } from '../host/process-table.ts';
import type { PlatformMemory, PlatformStatus, PlatformTrace } from '../platform.ts';
import { isExecutable } from '../throwaway/server-binary.ts';
import type { LocalRedis } from './local-redis.ts';
import type { Starter } from './starter.ts';

/** Pids are used again, so a process is its pid and its start. */
export const processIdentityOf = ({ pid, started }: ProcessEntry): string => `process ${pid} started at ${started}`;

export async function processStatusOf(found: ProcessEntry): Promise<PlatformStatus> {
  const sinceMs = await processSince(found.pid);
  return {
    running: true,
    identity: processIdentityOf(found),
    name: `process ${found.pid}`,
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

/** As the command that starts it names it, by its path. */
const programIn = ({ command }: { command: readonly string[] }): string | undefined =>
  command.find((word) => /^\/(?:.*\/)?(?:redis|valkey)-server[^/]*$/.test(word));

/** How its last process ended, and what has changed since. */
export async function traceOf({ starter, identity }: LocalRedis): Promise<PlatformTrace> {
  const { configFile } = await identity().catch(() => ({ configFile: undefined }));
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
}

export async function memoryOf(starter: Starter): Promise<PlatformMemory> {
  const pid = (await starter.find())?.pid;
  const { availableBytes, totalBytes, cgroup } = await hostMemory(pid);
  const resident = pid === undefined ? undefined : await residentBytes(pid);
  return {
    hostTotalBytes: totalBytes,
    hostAvailableBytes: availableBytes,
    ...(cgroup ? { limit: cgroup } : {}),
    ...(resident === undefined ? {} : { residentBytes: resident }),
  };
}

/** The program of the one that runs, else the one that its start command names. */
export async function programOf(starter: Starter): Promise<string | undefined> {
  const running = await starter.find().catch(() => undefined);
  const own = running && (await exeOf(running.pid));
  const named = programIn(await starter.commandLine());
  for (const path of [own, named]) if (path !== undefined && (await isExecutable(path))) return path;
  return undefined;
}
