import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../../model/errors.ts';
import { openRedis, type RedisClient } from '../client/client.ts';
import type { RedisConnection } from '../client/connection.ts';
import { isGone } from '../client/errors.ts';

export interface SteadyOptions {
  /** How long it goes on with new connections after the first that failed. Default 60,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Steps of a load take seconds, and writes are refused meanwhile: who says nothing for so long is asked over another connection. */
const QUICK = { connectTimeoutMs: 2_000, commandTimeoutMs: 3_000 };
const PAUSE_MS = 200;

/**
 * A connection that is replaced at once when it falls silent: one that has died without a word (a firewall, a NAT that has
 * forgotten it) would keep Redis from being promoted until the system gives it up. Only for steps that may be repeated.
 */
export class SteadyClient implements Disposable {
  readonly #connection: RedisConnection;
  readonly #options: SteadyOptions;
  #client: RedisClient | undefined;

  constructor(connection: RedisConnection, options: SteadyOptions = {}) {
    this.#connection = connection;
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** @throws RecoveryError `REDIS_UNREACHABLE` when patience is over, or nothing listens there; what the step throws */
  async run<T>(step: (client: RedisClient) => Promise<T>): Promise<T> {
    const { timeoutMs = 60_000, signal } = this.#options;
    let deadline: number | undefined;
    for (;;) {
      try {
        this.#client ??= await openRedis(this.#connection, QUICK);
        return await step(this.#client);
      } catch (error) {
        this[Symbol.dispose]();
        signal?.throwIfAborted();
        deadline ??= performance.now() + timeoutMs;
        const isSilent = hasCode(error, 'REDIS_UNREACHABLE') && !isGone(error);
        if (!isSilent || performance.now() > deadline) throw error;
        await sleep(PAUSE_MS, undefined, { signal });
      }
    }
  }
}
