import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();

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

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
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
