import { setTimeout as after } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import type { Control } from '../../platforms/platform.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { loadingProgress } from '../../redis/health/loading.ts';
import type { ProtectedInstance } from '../dependencies.ts';
import { currentJob, type Progress } from '../job-context.ts';

/**
 * Asks a Redis that may still load its data, and says how far it is.
 * @param look - what is wanted of one that has loaded
 * @param unanswered - what people see while it gives no answer
 * @param loads - how far its load is, each time that it says so
 * @returns what `look` saw; `undefined`: it loads, or does not answer yet
 */
export async function askLoaded<T>(
  target: ProtectedInstance,
  look: (client: RedisClient, info: RedisInfo) => T | Promise<T>,
  unanswered: (error: RecoveryError) => Progress,
  loads?: (loadedBytes: number | undefined) => void,
): Promise<T | undefined> {
  const { progress, signal } = currentJob();
  signal.throwIfAborted();
  let client: RedisClient | undefined;
  try {
    client = await openRedis(target.connection, { connectTimeoutMs: 5_000, commandTimeoutMs: 5_000 });
    const info = await client.info();
    const { loading, loadedBytes, totalBytes, etaSeconds } = loadingProgress(info);
    if (!loading) return await look(client, info);
    loads?.(loadedBytes);
    progress({ stage: 'loading', ...(loadedBytes === undefined ? {} : { doneBytes: loadedBytes, totalBytes, etaSeconds }) });
    return undefined;
  } catch (error) {
    // A loading Redis serves its sockets only now and then: no answer is not yet a dead server.
    if (!(error instanceof RecoveryError) || !['REDIS_UNREACHABLE', 'REDIS_NOT_READY'].includes(error.code)) throw error;
    progress(unanswered(error));
    return undefined;
  } finally {
    client?.close();
  }
}

/** A process that is waited for: it must not be asked for ever once it has ended. */
export interface WatchedProcess extends Disposable {
  /** The end of its log, once it has ended. */
  lastLines(): string[] | undefined;
  /** Until the next question; shorter if it ends meanwhile. */
  pause(ms: number): Promise<void>;
}

/** @param platform - absent: nobody sees the process, and it never ends */
export function watchProcess(platform: Control | undefined): WatchedProcess {
  const { signal } = currentJob();
  const watching = new AbortController();
  let ended: string[] | undefined;
  let isSeen = platform !== undefined;
  const exit = platform?.exited(AbortSignal.any([signal, watching.signal])).then(
    ({ lastLines }) => {
      ended = lastLines;
    },
    () => {
      isSeen = false; // stopped watching, or it can't be looked at
    },
  );
  return {
    lastLines: () => ended,
    async pause(ms) {
      const pause = after(ms, undefined, { signal });
      await (isSeen ? Promise.race([pause, exit]) : pause);
    },
    [Symbol.dispose]: () => watching.abort(),
  };
}
