import { setTimeout as sleep } from 'node:timers/promises';

/** Wakes everybody who waits for something to change; each then looks for itself. */
export class News {
  #coming = Promise.withResolvers<void>();

  tell(): void {
    this.#coming.resolve();
    this.#coming = Promise.withResolvers<void>();
  }

  /** Resolves at the next news, or after so many milliseconds. */
  async next(ms?: number): Promise<void> {
    const { promise } = this.#coming;
    if (ms === undefined) return promise;
    const stop = new AbortController();
    const timer = sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined); // stopped: the news came first
    await Promise.race([promise, timer]);
    stop.abort();
  }
}
