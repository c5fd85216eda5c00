import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { liveFailed } from './primary-errors.ts';

/** Pieces that are read before they are needed: a few MiB. */
const READ_AHEAD = 4;

/** Bytes of a length known beforehand, from a local file: their reader may be frozen as long as they don't come. */
export interface Payload {
  bytes: number;
  /** In pieces of up to 1 MiB. Called once. */
  open(): AsyncIterable<Buffer>;
  /** Told of each piece that has been sent: nobody reads it any more. */
  onSent?(piece: Buffer): void;
}

/** A feed that has been opened and is read ahead. */
export class OpenPayload {
  readonly #what: string;
  readonly #payload: Payload;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #pieces: AsyncIterator<Buffer>;
  #first: Promise<IteratorResult<Buffer>> | undefined;

  constructor(what: string, payload: Payload, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }) {
    this.#what = what;
    this.#payload = payload;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#pieces = Readable.from(payload.open(), { highWaterMark: READ_AHEAD, signal })[Symbol.asyncIterator]();
    this.#first = this.#pieces.next();
    this.#first.catch(() => undefined); // whoever sends it meets it
  }

  /** Resolves when its first bytes are here. */
  async ready(): Promise<void> {
    await this.#first;
  }

  /**
   * Writes it into the socket at the pace at which the other side reads.
   * @throws RecoveryError `LIVE_FAILED` when it isn't as long as was said, or its source stalls; what the source throws
   */
  async *sendTo(socket: Socket): AsyncGenerator<number> {
    let left = this.#payload.bytes;
    try {
      for (let next = await this.#next(); !next.done; next = await this.#next()) {
        const piece = next.value;
        const { length } = piece; // a piece that was sent may be empty by then
        left -= length;
        if (left < 0) throw this.#wrongLength();
        const sent = (error?: Error | null): void => {
          if (!error) this.#payload.onSent?.(piece);
        };
        if (!socket.write(piece, sent)) await once(socket, 'drain', { signal: this.#signal });
        yield length;
      }
      if (left > 0) throw this.#wrongLength();
    } finally {
      this.discard();
    }
  }

  discard(): void {
    void this.#pieces.return?.().catch(() => undefined); // its file is closed; nobody waits for that
  }

  /** Redis answers nothing, not even INFO, while it waits for the next bytes of a load: rather no load than that. */
  async #next(): Promise<IteratorResult<Buffer>> {
    const next = this.#first ?? this.#pieces.next();
    this.#first = undefined;
    let late: NodeJS.Timeout | undefined;
    const stalled = new Promise<never>((_, reject) => {
      const why = `${this.#what} could not be read from the local disk for ${this.#timeoutMs} ms`;
      late = setTimeout(() => reject(liveFailed(why, NEXT_DISK)), this.#timeoutMs);
    });
    try {
      return await Promise.race([next, stalled]);
    } finally {
      clearTimeout(late);
    }
  }

  #wrongLength(): Error {
    return liveFailed(`${this.#what} is not as long as was said (${this.#payload.bytes} bytes)`, NEXT_DISK);
  }
}

const NEXT_DISK = 'Look at the disk of the worker, and restore again: the target has been left alone.';
