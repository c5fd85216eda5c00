import { openRedis } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';

/** What waited for less is not told: nobody asks for a moment so exactly. */
export const LATE_MS = 2_000;
const LOOK_EVERY_MS = 250;

/** Everything up to an offset waited in Redis, and was written at any time since. */
export interface Late {
  to: number;
  sinceMs: number;
}

export interface LatenessOptions {
  /** Milliseconds since 1970. */
  clock: () => number;
  /** How far Redis is now; undefined where it does not say. */
  sourceOffset: () => Promise<number | undefined>;
  /** Of what was written before the stream was asked for. */
  late?: Late | undefined;
  /** Milliseconds that nobody can set. */
  counter?: () => number;
}

/**
 * Knows which bytes of a stream had waited when they were read: their time of arrival is not that of the write. They wait
 * while nobody follows, while whoever reads is held up (the spool is full), and while this process does not run.
 */
export class Lateness {
  readonly #options: LatenessOptions;
  readonly #counter: () => number;
  #late: Late | undefined;
  /** When we last waited for more, and so had all that had come. */
  #readyMs: number;
  #isWaiting = false;
  /** Since when we had not looked, until what came meanwhile is read. */
  #missed: { sinceMs: number; looks: number } | undefined;

  constructor(options: LatenessOptions) {
    this.#options = options;
    this.#counter = options.counter ?? (() => performance.now());
    this.#late = options.late;
    this.#readyMs = this.#counter();
  }

  /** Passes the pieces on. */
  async *watch(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const timer = setInterval(() => this.#isWaiting && this.#look(), LOOK_EVERY_MS);
    try {
      this.#readyMs = this.#counter();
      this.#isWaiting = true;
      for await (const piece of stream) {
        this.#look();
        this.#isWaiting = false;
        await this.#measure();
        yield piece;
        this.#look();
        this.#isWaiting = true;
      }
    } finally {
      clearInterval(timer);
    }
  }

  /** Since when the byte behind this offset may have been written; undefined: it came as it was written. */
  since(offset: number): number | undefined {
    if (this.#late && offset >= this.#late.to) this.#late = undefined;
    return this.#late?.sinceMs;
  }

  #look(): void {
    const nowMs = this.#counter();
    const missedMs = nowMs - this.#readyMs;
    if (missedMs > LATE_MS) this.#missed ??= { sinceMs: this.#options.clock() - missedMs, looks: 0 };
    else if (this.#missed && ++this.#missed.looks > 2) this.#missed = undefined; // nothing had waited
    this.#readyMs = nowMs;
  }

  async #measure(): Promise<void> {
    if (this.#missed) {
      const sinceMs = Math.min(this.#missed.sinceMs, this.#late?.sinceMs ?? Number.POSITIVE_INFINITY);
      this.#late = { to: Number.POSITIVE_INFINITY, sinceMs };
      this.#missed = undefined;
    }
    if (this.#late?.to !== Number.POSITIVE_INFINITY) return;
    const offset = await this.#options.sourceOffset();
    if (offset !== undefined) this.#late = { ...this.#late, to: offset };
    this.#readyMs = this.#counter();
  }
}

/** Asks on a line of its own, which is soon given up: the stream waits meanwhile. */
export async function readSourceOffset(connection: RedisConnection): Promise<number | undefined> {
  try {
    using client = await openRedis(connection, { commandTimeoutMs: LATE_MS });
    return (await client.info('replication')).number('master_repl_offset');
  } catch {
    return undefined;
  }
}
