import { setTimeout as after } from 'node:timers/promises';
import { RecoveryError } from '../model/errors.ts';
import type { Platform } from '../platforms/platform.ts';
import { openRedis, type RedisClient } from '../redis/client.ts';
import { lastLoad, loadingProgress } from '../redis/loading.ts';
import { currentJob } from './job-context.ts';
import type { ProtectedInstance } from './world.ts';

/** A Redis that has loaded and answers, with what it says of its load. */
export interface Serving {
  runId: string;
  pid: number;
  keysLoaded?: number;
  keysExpired?: number;
  /** Until `loading:0` was seen, by our clock. */
  servedAtMs: number;
}

const ASK_EVERY_MS = 100;

/**
 * Waits until Redis answers `loading:0`, for as long as the process lives and goes on loading.
 * @throws RecoveryError `START_FAILED` with the end of its log when the process ends. A missing module ends it with code 0.
 */
export async function awaitServing(target: ProtectedInstance, platform: Platform): Promise<Serving> {
  const { signal } = currentJob();
  const watching = new AbortController();
  let ended: string[] | undefined;
  const exit = platform.exited(AbortSignal.any([signal, watching.signal])).then(
    ({ lastLines }) => {
      ended = lastLines;
    },
    () => undefined, // stopped watching
  );
  try {
    for (;;) {
      signal.throwIfAborted();
      const serving = await askIfServing(target);
      if (serving) return serving;
      if (ended) throw diedLoading(target.name, platform, ended);
      await Promise.race([after(ASK_EVERY_MS, undefined, { signal }), exit]);
    }
  } finally {
    watching.abort();
  }
}

async function askIfServing(target: ProtectedInstance): Promise<Serving | undefined> {
  const { progress } = currentJob();
  let client: RedisClient | undefined;
  try {
    client = await openRedis(target.connection, { connectTimeoutMs: 5_000, commandTimeoutMs: 5_000 });
    const info = await client.info();
    const { loading, loadedBytes, totalBytes, etaSeconds } = loadingProgress(info);
    if (loading) {
      progress({ stage: 'loading', ...(loadedBytes === undefined ? {} : { doneBytes: loadedBytes, totalBytes, etaSeconds }) });
      return undefined;
    }
    return { runId: info.get('run_id') ?? '', pid: info.number('process_id') ?? 0, ...lastLoad(info), servedAtMs: Date.now() };
  } catch (error) {
    // A loading Redis serves its sockets only now and then: no answer is not yet a dead server.
    if (error instanceof RecoveryError && ['REDIS_UNREACHABLE', 'REDIS_NOT_READY'].includes(error.code)) {
      progress({ stage: 'loading', note: error.message });
      return undefined;
    }
    throw error;
  } finally {
    client?.close();
  }
}

const diedLoading = (instance: string, platform: Platform, lines: string[]) =>
  new RecoveryError(
    'START_FAILED',
    `${instance} ended while it was loading (${platform.description}): ${lines.slice(-5).join(' | ')}`,
    {
      next: 'Read its log. The old data is being put back.',
    },
  );
