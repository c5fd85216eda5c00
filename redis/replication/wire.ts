import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { endpointOf, type RedisConnection } from '../client/connection.ts';
import { errorOfConnection } from '../client/errors.ts';
import { sentName } from '../client/renames.ts';
import { encodeCommand } from '../log/resp.ts';
import { BufferPool, type Lending } from './buffer-pool.ts';
import { Silence } from './silence.ts';
import { interrupted, noLine, type WirePurpose } from './wire-errors.ts';

/** Whoever reads the body is woken for this much, so that each stage behind it runs rarely. */
const WORTH_WAKING = 256 * 1024;
/** … or after this time, when the server is slow. */
const AT_LATEST_MS = 10;
/**
 * After a read of less than this we rest for a moment and let the kernel collect: Redis writes pieces of 16 KiB, and reading
 * each of them takes twice the CPU that reading 300 KiB at once does (bench: 0.8 → 0.5 CPU seconds per GB).
 */
const SMALL_READ = 64 * 1024;
const REST_MS = 1;
/** Full buffers that may wait before the socket is no longer read: the server then feels our store's speed. */
const FULL_SLABS = 2;
/** Room for a read before the body: replies are short, and the body must not fill a buffer before its framing is known. */
const LINE_ROOM = 4096;
const LONGEST_LINE = 64 * 1024;
/** Of a TCP connection on which nothing comes, before the kernel asks whether the other side is there. */
const KEEP_ALIVE_MS = 15_000;

export interface WireOptions {
  signal?: AbortSignal;
  /** How long the server may be silent while we read. */
  idleTimeoutMs: number;
  connectTimeoutMs: number;
  /** What the connection is for: says in an error what its end means. Default `snapshot`. */
  purpose?: WirePurpose;
}

/** How the body ends: after a mark of 40 bytes that the server announced, or after a number of bytes. */
export type Framing = { mark: Buffer } | { bytes: number };

/** No end but that of the connection: the stream of commands. */
export const ENDLESS: Framing = { bytes: Number.POSITIVE_INFINITY };

/** One raw connection to a Redis: lines first, then bodies of bytes. Reads only when somebody wants to read. */
export class Wire {
  readonly #connection: RedisConnection;
  readonly #buffers = new BufferPool();
  readonly #socket: Socket;
  readonly #silence = new Silence(
    () => this.#isListening,
    (ms) => this.#lost(new Error(`it sent nothing for ${ms} ms`)),
  );
  readonly #signal: AbortSignal | undefined;
  readonly #purpose: WirePurpose;
  readonly #abort = () => this.#fail(this.#signal?.reason);
  #framing: Framing | undefined;
  /** Bytes of the body still to be handed out. */
  #left = Number.POSITIVE_INFINITY;
  #isConnected = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  #flush: NodeJS.Timeout | undefined;
  #rest: NodeJS.Timeout | undefined;
  #paused = false;
  /** The first so many bytes of this body, which was lent `untilGivenBack`, are no longer needed. */
  readonly giveBack = (bytes: number): void => this.#buffers.giveBack(bytes);

  private constructor(connection: RedisConnection, options: WireOptions) {
    this.#connection = connection;
    this.#signal = options.signal;
    this.#purpose = options.purpose ?? 'snapshot';
    this.#socket = this.#open(connection);
    // The server ends a connection by a plain close, also when its child died: whether all came, the framing tells.
    for (const event of ['end', 'close']) this.#socket.on(event, () => this.#lost(new Error('the connection was closed')));
    this.#socket.on('error', (error) => this.#lost(error));
    this.allowSilence(options.idleTimeoutMs);
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS); // whoever stands in between must not forget an idle connection
    options.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** @throws RecoveryError `REDIS_UNREACHABLE`; the signal's reason when aborted */
  static async connect(connection: RedisConnection, options: WireOptions): Promise<Wire> {
    options.signal?.throwIfAborted();
    const wire = new Wire(connection, options);
    await wire.#connected(options.connectTimeoutMs);
    return wire;
  }

  /** From now on the server may be silent for so long while we read. */
  allowSilence(ms: number): void {
    this.#silence.allow(ms);
  }

  /** Milliseconds since the last byte, also of a line that has ended; 0 while we don't listen. */
  get silentMs(): number {
    return this.#silence.ms;
  }

  send(...named: string[]): void {
    const args = named.map((word, at) => (at === 0 ? sentName(this.#connection, word) : word));
    this.#socket.write(encodeCommand(args));
  }

  /** The next line, which may be empty: the server's keepalive. @throws RecoveryError `REPLICATION_INTERRUPTED` */
  async line(): Promise<string> {
    for (;;) {
      const line = this.#buffers.takeLine();
      if (line !== undefined) return line;
      if (this.#error !== undefined) throw this.#error;
      if (this.#buffers.pending > LONGEST_LINE) throw noLine(this.#connection);
      await this.#arrival();
    }
  }

  /**
   * The bytes of the body, in pieces of up to 1 MiB, without the mark. May be called after the last line, and after a body
   * that was read to its end with `keepOpen`. Otherwise it closes the connection however it ends.
   * @param options.lends - how long a piece is good, before its memory is used again. Default: it is yours
   * @throws RecoveryError `REPLICATION_INTERRUPTED` when it ends before the framing says so
   */
  async *body(framing: Framing, { keepOpen = false, lends = 'never' as Lending } = {}): AsyncGenerator<Buffer> {
    this.#expect(framing);
    this.#buffers.lend(lends);
    let isWhole = false;
    try {
      while (this.#left > 0 && !isWhole) {
        if (!this.#isWorthWaking() && this.#error === undefined) await this.#arrival();
        this.#signal?.throwIfAborted();
        const piece = this.#buffers.take(this.#left);
        this.#readOn(); // there may be room again
        if (piece) {
          this.#left -= piece.length;
          yield piece;
        } else if (this.#markIsHere()) isWhole = true;
        else if (this.#error !== undefined) throw this.#error;
      }
      isWhole = true;
    } finally {
      if (isWhole && keepOpen) this.#dropMark();
      else this.close();
    }
  }

  /** False after a failure too; what has arrived before can still be read. */
  get isOpen(): boolean {
    return this.#error === undefined;
  }

  close(): void {
    this.#lost(new Error('the connection was left'));
  }

  #expect(framing: Framing): void {
    this.#framing = framing;
    this.#buffers.hold = 'mark' in framing ? framing.mark.length : 0;
    this.#left = 'bytes' in framing ? framing.bytes : Number.POSITIVE_INFINITY;
  }

  /** What comes behind the mark, or the last byte, belongs to the next body. */
  #dropMark(): void {
    const isMarked = this.#markIsHere();
    this.#expect({ bytes: 0 });
    if (isMarked) this.#buffers.take();
  }

  #open(connection: RedisConnection): Socket {
    // The socket reads straight into our buffers. Without this Node allocates 64 KiB for each read, and copies are ours.
    const onread = {
      buffer: () => this.#buffers.room(this.#framing ? undefined : LINE_ROOM),
      callback: (bytes: number) => this.#arrived(bytes),
    };
    const options = { ...endpointOf(connection), onread };
    return connection.tls ? connectTls({ ...connection.tls, ...options }) : connect(options);
  }

  /** Called by the socket. @returns whether it may read on */
  #arrived(bytes: number): boolean {
    this.#buffers.filled(bytes);
    this.#silence.heard();
    if (this.#isWorthWaking()) this.#wakeUp();
    else if (this.#wake) this.#wakeSoon();
    this.#paused = !this.#framing || this.#buffers.waiting >= FULL_SLABS;
    if (!this.#paused && bytes < SMALL_READ && !this.#markIsHere()) {
      this.#paused = true;
      this.#rest = setTimeout(() => this.#restIsOver(), REST_MS);
    }
    return !this.#paused;
  }

  #restIsOver(): void {
    this.#rest = undefined;
    if (this.#error === undefined) this.#readOn();
  }

  #readOn(): void {
    if (!this.#paused || this.#rest || this.#buffers.waiting >= FULL_SLABS) return;
    this.#paused = false;
    this.#silence.listensAgain();
    this.#socket.resume();
  }

  #isWorthWaking(): boolean {
    return !this.#framing || this.#buffers.available >= Math.min(WORTH_WAKING, this.#left) || this.#markIsHere();
  }

  #markIsHere(): boolean {
    return this.#framing !== undefined && 'mark' in this.#framing && this.#buffers.endsWith(this.#framing.mark);
  }

  async #arrival(): Promise<void> {
    this.#readOn();
    if (this.#framing && this.#buffers.available > 0) this.#wakeSoon();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeSoon(): void {
    this.#flush ??= setTimeout(() => this.#wakeUp(), AT_LATEST_MS);
  }

  #wakeUp(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    this.#wake?.();
    this.#wake = undefined;
  }

  async #connected(timeoutMs: number): Promise<void> {
    this.#socket.once(this.#connection.tls ? 'secureConnect' : 'connect', () => {
      this.#isConnected = true;
      this.#wakeUp();
    });
    this.#socket.resume();
    const late = setTimeout(() => this.#fail(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
    await this.#arrival();
    clearTimeout(late);
    if (this.#error === undefined) return;
    this.#signal?.throwIfAborted();
    throw errorOfConnection(this.#error, 'the connection', this.#connection);
  }

  get #isListening(): boolean {
    return this.#isConnected && this.#wake !== undefined && (!this.#paused || this.#rest !== undefined);
  }

  #lost(cause: Error): void {
    if (!this.#isConnected) {
      this.#fail(cause);
      return;
    }
    this.#fail(interrupted(this.#connection, this.#purpose, cause));
  }

  /** The first failure counts; what has arrived before it can still be read. */
  #fail(error: unknown): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#silence.end();
    clearTimeout(this.#rest);
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#socket.destroy();
    this.#wakeUp();
  }
}
