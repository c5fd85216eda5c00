import { readdir, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findRedis } from './find-redis.ts';
import { cwdOf, readProcesses, stillRuns } from './process-table.ts';
import { findScratch, type Scratch } from './scratch-server.ts';

const POLL_MS = 20;

/** The throw-away Redis that listens on a port of this machine, wherever its directory is; undefined if it is none of ours. */
export async function findScratchByPort(port: number): Promise<Scratch | undefined> {
  const server = await findRedis({ ports: [port] });
  const directory = server && (await cwdOf(server.pid));
  const scratch = directory && (await findScratch(directory));
  return scratch && scratch.pid === server.pid ? scratch : undefined;
}

/**
 * Ends every throw-away Redis below a directory, and removes it: also one whose starter was killed before it could write down
 * what it had started. Idempotent; nothing there is fine.
 * @param home - of the caller's own
 */
export async function removeScratches(home: string): Promise<void> {
  const names = await readdir(home).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (names === undefined) return;
  for (const directory of [home, ...names.map((name) => join(home, name))]) {
    const scratch = await findScratch(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    await scratch?.stop();
  }
  await endUnrecorded(home);
  await rm(home, { recursive: true, force: true });
}

async function endUnrecorded(home: string): Promise<void> {
  for (const server of await readProcesses()) {
    const cwd = await cwdOf(server.pid);
    if (cwd !== home && !cwd?.startsWith(home + sep)) continue;
    if (!/redis|valkey/.test(server.args[0] ?? '')) continue; // a shell that a person has opened there
    if (await stillRuns(server)) process.kill(server.pid, 'SIGKILL');
    while (await stillRuns(server)) await sleep(POLL_MS); // the kernel ends it, when it comes to it
  }
}
