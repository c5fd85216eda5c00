import type { Streams } from './output/output.ts';

/** What ends a command: Ctrl-C, `kill`, and the end of its terminal, as when a connection by ssh is lost. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How often something is at work in this process that must come to its end, whatever happens to the terminal. */
let uninterruptible = 0;

/** Until `body` has settled a signal only aborts, and never ends the process. */
export async function uninterrupted<T>(body: () => Promise<T>): Promise<T> {
  uninterruptible += 1;
  try {
    return await body();
  } finally {
    uninterruptible -= 1;
  }
}

/** The first signal aborts, for whatever can end in order; a second one ends the process, unless that must not be. */
export function interruptBySignals(): AbortSignal {
  const interrupt = new AbortController();
  for (const signal of SIGNALS)
    process.on(signal, () => {
      if (interrupt.signal.aborted && uninterruptible === 0) process.exit(130);
      interrupt.abort();
    });
  return interrupt.signal;
}

/**
 * A reader that has seen enough, such as `| head -1`, is no fault of ours and ends the command; but nothing that is at work on
 * a Redis. Words that nobody hears, as when a connection by ssh is lost, end nothing.
 */
export function outliveReaders({ stdout, stderr }: typeof process): Streams {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (uninterruptible === 0) process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  stderr.on('error', () => {});
  return { stdout, stderr };
}
