import type { ChildProcess } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { sep } from 'node:path';

const running = new Set<ChildProcess>();
const homes = new Set<string>();

/**
 * Makes sure that a process which a test started does not outlive the test run, however that ends (but for SIGKILL).
 * It doesn't keep Node alive either.
 */
export function killAtTheEnd(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.unref();
  return child;
}

/**
 * Says that whatever runs in a temporary directory of ours is ours: a Redis that the software under test has started again
 * is no child of this process. It ends with the test run, or by `endWhatRunsIn`.
 */
export function ownDirectory(directory: string): void {
  homes.add(directory);
}

/** Ends every process whose working directory lies in `directory`, which must be one that a test has made for itself. */
export function endWhatRunsIn(directory: string): void {
  if (!homes.delete(directory)) throw new Error(`${directory} was never called ours`);
  for (const pid of processesIn(directory)) process.kill(pid, 'SIGKILL');
}

function processesIn(directory: string): number[] {
  const pids = readIfThere(() => readdirSync('/proc')) ?? []; // not on macOS: nothing is found there
  return pids
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .filter((pid) => readIfThere(() => readlinkSync(`/proc/${pid}/cwd`))?.startsWith(directory + sep));
}

function readIfThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined; // it has ended since, or isn't ours to see
  }
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const home of homes) endWhatRunsIn(home);
}

process.on('exit', killAll);
for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal); // the default again: it ends us
  });
}
// Under mocha: what a failed test left running ends with the run, before mocha's own exit.
if (typeof globalThis.after === 'function') globalThis.after('end every process that tests started', killAll);

/** The pid of what a process platform runs, as it tells a person. */
export const pidOf = ({ name }: { name?: string }): number => Number(/^process (\d+)$/.exec(name ?? '')?.[1] ?? 0);
