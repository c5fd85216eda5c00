import { setInterval } from 'node:timers/promises';
import { RecoveryError } from '../../../model/errors.ts';
import { formatBytes } from '../../../model/format.ts';
import type { HostMemory } from '../../../platforms/host/host-memory.ts';
import { hasEnded, type RehearsalServer } from './rehearsal-server.ts';

export interface GuardOptions {
  /** Of this machine, and of the control group of this worker. */
  memory(): Promise<HostMemory>;
  signal: AbortSignal;
  /** Default 100. */
  pollMs?: number;
}

/** This part of all memory stays free, for the Redis that people need; where less than twice that is free, half of what is. */
const RESERVE = 0.1;

/**
 * Watches a throw-away Redis while it is fed: a log may make of its base many times as much, and the machine that runs out of
 * memory ends whatever uses most of it.
 */
export class Guard {
  readonly #rehearsalServer: RehearsalServer;
  readonly #options: GuardOptions;
  readonly #reserve: number;
  readonly #stop = new AbortController();
  readonly #trouble = new AbortController();
  /** Of the job, and aborted besides when the rehearsal cannot go on, with a RecoveryError as its reason. */
  readonly signal: AbortSignal;

  private constructor(rehearsalServer: RehearsalServer, options: GuardOptions, freeBytes: number, totalBytes: number) {
    this.#rehearsalServer = rehearsalServer;
    this.#options = options;
    this.#reserve = Math.min(RESERVE * totalBytes, freeBytes / 2);
    this.signal = AbortSignal.any([options.signal, this.#trouble.signal]);
  }

  static async over(rehearsalServer: RehearsalServer, options: GuardOptions): Promise<Guard> {
    const memory = await options.memory();
    const guard = new Guard(rehearsalServer, options, freeOf(memory), memory.cgroup?.limitBytes ?? memory.totalBytes);
    void guard.#watch();
    return guard;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  /** @throws RecoveryError `RESTORE_REFUSED` when memory runs out, `START_FAILED` when the throw-away Redis is gone */
  async check(): Promise<void> {
    const trouble = (await hasEnded(this.#rehearsalServer)) ?? this.#isTight(freeOf(await this.#options.memory()));
    if (trouble) this.#trouble.abort(trouble);
    this.signal.throwIfAborted();
  }

  async #watch(): Promise<void> {
    const ends = AbortSignal.any([this.signal, this.#stop.signal]);
    try {
      for await (const _ of setInterval(this.#options.pollMs ?? 100, undefined, { signal: ends, ref: false })) await this.check();
    } catch (error) {
      if (!ends.aborted) this.#trouble.abort(error); // whoever waits is told by the signal
    }
  }

  #isTight(freeBytes: number): RecoveryError | undefined {
    if (freeBytes >= this.#reserve) return undefined;
    return new RecoveryError(
      'RESTORE_REFUSED',
      `the log makes so much of its base that only ${formatBytes(freeBytes)} of memory are left on this machine: the throw-away Redis was ended before it took them`,
      { next: 'Do it on a machine with more memory.' },
    );
  }
}

const freeOf = ({ availableBytes, cgroup }: HostMemory): number =>
  Math.max(0, Math.min(availableBytes, cgroup ? cgroup.limitBytes - cgroup.usedBytes : Number.POSITIVE_INFINITY));
