import { readdir, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cwdOf, type ProcessEntry, readProcesses, stillRuns } from '../host/process-table.ts';
import { findThrowaway, type Throwaway } from './throwaway.ts';

const POLL_MS = 20;

/** The throw-away Redis of that port on this machine, wherever its directory is; undefined if none of ours runs there. */
export async function findThrowawayByPort(port: number): Promise<Throwaway | undefined> {
  for (const server of await serversHere()) {
    const throwaway = server.cwd === undefined ? undefined : await findThrowaway(server.cwd);
    if (throwaway?.port === port && throwaway.pid === server.pid) return throwaway;
  }
  return undefined;
}

/**
 * Ends every throw-away Redis below a directory, and removes it: also one whose starter was killed before it could write down
 * what it had started. Idempotent; nothing there is fine.
 * @param home - of the caller's own
 */
export async function removeThrowaways(home: string): Promise<void> {
  const names = await readdir(home).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (names === undefined) return;
  for (const directory of [home, ...names.map((name) => join(home, name))]) {
    const throwaway = await findThrowaway(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    await throwaway?.stop();
  }
  await endUnrecorded(home);
  await rm(home, { recursive: true, force: true });
}

async function endUnrecorded(home: string): Promise<void> {
  for (const server of await serversHere()) {
    if (server.cwd !== home && !server.cwd?.startsWith(home + sep)) continue;
    if (await stillRuns(server)) process.kill(server.pid, 'SIGKILL');
    while (await stillRuns(server)) await sleep(POLL_MS); // the kernel ends it, when it comes to it
  }
}

/** Of Redis, and not a shell that a person has opened in the directory of one. */
async function serversHere(): Promise<(ProcessEntry & { cwd: string | undefined })[]> {
  const servers = (await readProcesses()).filter(({ args }) => /redis|valkey/.test(args[0] ?? ''));
  return Promise.all(servers.map(async (server) => ({ ...server, cwd: await cwdOf(server.pid) })));
}
