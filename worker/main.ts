import type { Config } from '../config/config.ts';
import { fingerprintOf, wholeFingerprint } from '../config/fingerprint.ts';
import { loadConfig } from '../config/load.ts';
import { messageOf } from '../model/errors.ts';
import { changedConfig } from './changed-config.ts';
import { tell } from './log.ts';
import { REST_MS } from './options.ts';
import { endRuntime, installRuntime } from './runtime.ts';
import { type RunningWorkers, startWorkers } from './start.ts';
import { endedByTemporal } from './temporal-errors.ts';

export interface WorkerSurroundings {
  configFile?: string | undefined;
  /** The only one that is served; absent: all that a machine has. */
  queue?: string | undefined;
  /** Aborted by the signals that end it, at whatever it is. */
  interrupt: AbortSignal;
}

/**
 * Runs the workers until they are interrupted. Resolves when they have come to rest.
 * @throws RecoveryError `CONFIG_INVALID`, and all of `connectPatiently`; `TEMPORAL_UNREACHABLE` when Temporal ends their polls
 */
export async function runWorker({ configFile, interrupt, queue }: WorkerSurroundings): Promise<void> {
  const config = await loadConfig(configFile);
  installRuntime();
  try {
    await runUntilInterrupted(config, interrupt, queue);
  } finally {
    await endRuntime();
  }
}

/** A worker that cannot reach Temporal with a changed file goes back to the one that it had. */
const TAKE_OVER_MS = 30_000;

/** One configuration after the other: a file that has changed is taken over, as a restart would do it. */
async function runUntilInterrupted(first: Config, interrupt: AbortSignal, queue: string | undefined): Promise<void> {
  const refused = new Set<string>();
  let config = first;
  let next = await unlessInterrupted(startWorkers(config, { interrupt, queue }), interrupt);
  while (next) {
    const known = wholeFingerprint(config);
    tell('INFO', 'worker is ready', { queues: next.queues, config: fingerprintOf(config).shared });
    const changed = await runUntilChanged(next, config, { known, refused, interrupt });
    if (!changed) return;
    const wanted = wholeFingerprint(changed);
    tell('INFO', `${config.origin.file} has changed and is taken over`, { config: fingerprintOf(changed).shared });
    const limit = AbortSignal.any([interrupt, AbortSignal.timeout(TAKE_OVER_MS)]);
    try {
      next = await unlessInterrupted(startWorkers(changed, { interrupt: limit, queue }), interrupt);
      config = changed;
    } catch (error) {
      refused.add(wanted);
      tell('WARN', `the changed file was not taken over, the worker goes on with what it had: ${messageOf(error)}`);
      next = await unlessInterrupted(startWorkers(config, { interrupt, queue }), interrupt);
    }
  }
}

/** @returns the configuration to go on with; undefined when it was interrupted, or Temporal ended it */
async function runUntilChanged(
  workers: RunningWorkers,
  config: Config,
  { known, refused, interrupt }: { known: string; refused: ReadonlySet<string>; interrupt: AbortSignal },
): Promise<Config | undefined> {
  const over = new AbortController();
  const stop = AbortSignal.any([interrupt, over.signal]);
  const onInterrupt = () => workers.shutdown();
  interrupt.addEventListener('abort', onInterrupt, { once: true });
  let changed: Config | undefined;
  const watching = changedConfig(config, { known, refused, signal: stop }).then((one) => {
    changed = one;
    if (one) workers.shutdown();
  });
  try {
    const running = workers.run().catch((error) => {
      if (!interrupt.aborted && !changed) throw endedByTemporal(error);
      tell('WARN', `steps did not come to rest and are begun anew by another worker: ${messageOf(error)}`);
    });
    await Promise.race([running, untilGivenUp(interrupt)]);
  } finally {
    over.abort();
    interrupt.removeEventListener('abort', onInterrupt);
    await watching;
  }
  return interrupt.aborted ? undefined : changed;
}

/**
 * Told to end while it starts, it has nothing yet that must come to rest: what it puts back is taken up by whoever starts
 * next.
 */
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
