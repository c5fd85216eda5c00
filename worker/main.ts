import { loadConfig } from '../config/load.ts';
import { messageOf } from '../model/errors.ts';
import { tell } from './log.ts';
import { REST_MS } from './options.ts';
import { endRuntime, installRuntime } from './runtime.ts';
import { startWorkers } from './start.ts';
import { endedByTemporal } from './temporal-errors.ts';

export interface WorkerSurroundings {
  configFile?: string | undefined;
  /** Aborted by the signals that end it, at whatever it is. */
  interrupt: AbortSignal;
}

/**
 * Runs the workers until they are interrupted. Resolves when they have come to rest.
 * @throws RecoveryError `CONFIG_INVALID`, and all of `connectPatiently`; `TEMPORAL_UNREACHABLE` when Temporal ends their polls
 */
export async function runWorker({ configFile, interrupt }: WorkerSurroundings): Promise<void> {
  const config = await loadConfig(configFile);
  installRuntime();
  try {
    const workers = await unlessInterrupted(startWorkers(config, { interrupt }), interrupt);
    if (!workers) return;
    interrupt.addEventListener('abort', () => workers.shutdown(), { once: true });
    tell('INFO', 'worker is ready', { queues: workers.queues });
    const running = workers.run().catch((error) => {
      if (!interrupt.aborted) throw endedByTemporal(error);
      tell('WARN', `steps did not come to rest and are begun anew by another worker: ${messageOf(error)}`);
    });
    await Promise.race([running, untilGivenUp(interrupt)]);
  } finally {
    await endRuntime();
  }
}

/** Told to end while it starts, it has nothing yet that must come to rest: what it puts back is taken up by whoever starts next. */
async function unlessInterrupted<T>(work: Promise<T>, interrupt: AbortSignal): Promise<T | undefined> {
  const interrupted = new Promise<undefined>((resolve) => {
    if (interrupt.aborted) resolve(undefined);
    interrupt.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  return Promise.race([interrupted, work]).finally(() => void work.catch(() => undefined));
}

/** Some time after it was told to end: polls of a Temporal that does not answer must not keep it. */
const untilGivenUp = (interrupt: AbortSignal) =>
  new Promise<void>((resolve) => {
    interrupt.addEventListener('abort', () => setTimeout(resolve, REST_MS).unref(), { once: true });
  });
