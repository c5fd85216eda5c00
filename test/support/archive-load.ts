import { openRedis, type RedisClient } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { anyCommands } from '../redis/support/any-commands.ts';
import { randomFrom } from './random.ts';
import type { RedisBinary } from './redis-binaries.ts';

const BATCH = 40;
/** The last one that Redis answered is what nobody may lose. */
const COUNTER = 'load:counter';
const COUNTER_DB = 5; // nothing flushes it

export interface LoadOptions {
  /** Random values per round on top of the commands of all kinds; default 0. */
  bulkBytes?: number;
  /** Between two rounds, milliseconds. Default 5. */
  pauseMs?: number;
}

/** Writes of all kinds, types, transactions and scripts, until it is stopped. A Redis that goes away is waited for. */
export class ArchiveLoad implements AsyncDisposable {
  /** The highest number whose write Redis has acknowledged. */
  acknowledged = 0;
  readonly seed: number;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(redis: { connection: RedisConnection; binary: RedisBinary }, options: LoadOptions = {}) {
    const random = randomFrom();
    this.seed = random.seed;
    const commands = anyCommands(Number.POSITIVE_INFINITY, random, redis.binary);
    this.#done = this.#run(redis.connection, commands, options);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(connection: RedisConnection, commands: Generator<string[]>, options: LoadOptions): Promise<void> {
    while (!this.#stopped) {
      try {
        using any = await openRedis(connection);
        using counter = await openRedis(connection);
        await counter.command('SELECT', `${COUNTER_DB}`);
        while (!this.#stopped) await this.#round(any, counter, commands, options);
      } catch {
        await pause(50); // it is away: that is what is tested
      }
    }
  }

  async #round(any: RedisClient, counter: RedisClient, commands: Generator<string[]>, options: LoadOptions): Promise<void> {
    const { bulkBytes = 0, pauseMs = 5 } = options;
    const batch = Array.from({ length: BATCH }, () => commands.next().value as [string, ...string[]]);
    await any.batch(batch);
    const bulk = 'b'.repeat(bulkBytes) + Math.random();
    if (bulkBytes > 0) await counter.command('SET', `load:bulk:${this.acknowledged % 20}`, bulk);
    const next = this.acknowledged + 1;
    await counter.command('SET', COUNTER, `${next}`);
    this.acknowledged = next;
    await pause(pauseMs);
  }
}

/** What a Redis has of the load; 0: nothing. */
export async function countedIn(connection: RedisConnection): Promise<number> {
  using client = await openRedis(connection);
  await client.command('SELECT', `${COUNTER_DB}`);
  return Number(await client.command('GET', COUNTER));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
