import { RecoveryError } from '../../model/errors.ts';
import type { RedisConnection } from '../client/connection.ts';
import { type Continued, type FullResync, type ResumePoint, readFraming, requestStream } from './handshake.ts';
import { describeFraming, type OpenRdbStreamOptions, type RdbStream } from './replica.ts';
import { ENDLESS, type Framing, Wire } from './wire.ts';

/** How often Redis hears from us at least. It cuts a replica off that says nothing for `repl-timeout` (60 s). */
const BEAT_MS = 1000;
/**
 * The first beats come faster: what we say before Redis has reaped the child that wrote the snapshot is lost, and without it
 * a diskless primary doesn't begin the stream.
 */
const FIRST_BEAT_MS = 50;

export interface OpenFollowerOptions extends OpenRdbStreamOptions {
  /** What is already there: the server is asked to go on at the next byte. It may send a snapshot all the same. */
  resume?: ResumePoint;
  /**
   * The pieces of the stream are only good until everything up to their end is acknowledged: their memory is then used again.
   * Default: they are yours.
   */
  lendsStream?: boolean;
  /** How long the stream may bring nothing, not even Redis' pings, before it is given up. Default `idleTimeoutMs`. */
  streamSilenceMs?: number;
}

/**
 * A place among the replicas of a Redis, held until `close`.
 * - `continued`: nothing is missing between `resume` and the stream.
 * - `full`: a new begin. The stream continues the snapshot; what was there before may be another history.
 */
export type Follower =
  | ({ kind: 'continued' } & Continued & FollowerControls)
  | ({ kind: 'full'; rdb: RdbStream } & FullResync & FollowerControls);

export interface FollowerControls {
  /**
   * The stream of commands from the byte after `offset` on, as raw bytes, in pieces of up to 1 MiB and within 20 ms; pieces
   * end anywhere. Read it once, after the whole body of the snapshot if there is one. A slow reader makes Redis collect,
   * up to `client-output-buffer-limit replica`; then it is cut off. After `close` it ends with what had arrived.
   * It may end before its first byte although the snapshot was whole: a FLUSHALL kills the child that Redis hasn't reaped
   * yet, and the sync with it. The next byte can still be asked for.
   * @throws RecoveryError `REPLICATION_INTERRUPTED` when the connection ends, after the last byte that had arrived
   */
  stream(): AsyncGenerator<Buffer>;
  /**
   * Says that everything up to `offset` is safe: `WAIT`, and a SHUTDOWN that waits for its replicas, believe it. Said at
   * once, and again each second, so that the link stays. Until the first call 0 is said. A smaller offset changes nothing.
   * @throws RecoveryError `INTERNAL` for an offset that the stream has not handed out yet
   */
  acknowledge(offset: number): void;
  /** Milliseconds since the last byte came, also after the end of the line. 0 while nobody reads: then nothing can come. */
  silentMs(): number;
  close(): void;
}

/**
 * Follows a Redis as a replica that never leaves by itself. It has no port, so nobody takes it for one that could be
 * promoted; it does count for `min-replicas-to-write`.
 * @throws RecoveryError `REDIS_UNREACHABLE`, `REDIS_AUTH_FAILED`, `REDIS_PERMISSION_DENIED`, `REDIS_NOT_READY`,
 *   `REDIS_REFUSED`, `REPLICATION_PROTOCOL`, `REPLICATION_INTERRUPTED`
 */
export async function openFollower(connection: RedisConnection, options: OpenFollowerOptions = {}): Promise<Follower> {
  const { signal, idleTimeoutMs = 45_000, connectTimeoutMs = 10_000, onWaiting } = options;
  onWaiting?.('connecting');
  const wire = await Wire.connect(connection, { signal, idleTimeoutMs, connectTimeoutMs, purpose: 'stream' });
  try {
    const answer = await requestStream(wire, connection, options);
    const following = new Following(wire, answer.offset, options);
    if (answer.kind === 'continued') {
      following.begin();
      return { ...answer, ...following.controls };
    }
    const { replid, offset } = answer;
    await options.onFullResync?.({ replid, offset });
    const framing = await readFraming(wire, connection, onWaiting);
    const body = following.rdb(framing);
    const rdb: RdbStream = { replid, offset, ...describeFraming(framing), body, close: following.controls.close };
    return { ...answer, rdb, ...following.controls };
  } catch (error) {
    wire.close();
    throw error;
  }
}

class Following {
  readonly controls: FollowerControls = {
    stream: () => this.#stream(),
    acknowledge: (offset) => this.#acknowledge(offset),
    silentMs: () => this.#wire.silentMs,
    close: () => this.#close(),
  };
  readonly #wire: Wire;
  readonly #options: OpenFollowerOptions;
  /** The stream begins behind it. */
  #streamFrom = Number.POSITIVE_INFINITY;
  /** Offset of the last byte that was handed out. */
  #offset: number;
  #acknowledged = 0;
  #hasBegun = false;
  #isLeft = false;
  #beat: NodeJS.Timeout | undefined;

  constructor(wire: Wire, offset: number, options: OpenFollowerOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#offset = offset;
  }

  async *rdb(framing: Framing): AsyncGenerator<Buffer> {
    yield* this.#wire.body(framing, { keepOpen: true, lends: this.#options.lends ? 'untilNext' : 'never' });
    this.begin();
  }

  /** From now on Redis hears from us. Not while it still sends the snapshot: it would take us for a replica that has it. */
  begin(): void {
    this.#hasBegun = true;
    this.#say(FIRST_BEAT_MS);
  }

  async *#stream(): AsyncGenerator<Buffer> {
    if (!this.#hasBegun) throw misuse('the stream was asked for before the end of the snapshot');
    this.#streamFrom = this.#offset;
    const { streamSilenceMs } = this.#options;
    if (streamSilenceMs !== undefined) this.#wire.allowSilence(streamSilenceMs);
    const lends = this.#options.lendsStream ? 'untilGivenBack' : 'never';
    try {
      for await (const piece of this.#wire.body(ENDLESS, { lends })) {
        this.#offset += piece.length;
        yield piece;
      }
    } catch (error) {
      if (!this.#isLeft) throw error; // whoever closed it knows why it ends
    } finally {
      this.#close();
    }
  }

  #acknowledge(offset: number): void {
    // WAIT believes any number, so one too many is a write that somebody takes for safe.
    if (offset > this.#offset) throw misuse(`offset ${offset} was acknowledged before it was read (${this.#offset})`);
    this.#acknowledged = Math.max(this.#acknowledged, offset);
    this.#wire.giveBack(this.#acknowledged - this.#streamFrom);
    if (this.#hasBegun && this.#wire.isOpen) this.#send();
  }

  #say(againInMs: number): void {
    if (!this.#wire.isOpen) return;
    this.#send();
    this.#beat = setTimeout(() => this.#say(Math.min(BEAT_MS, 2 * againInMs)), againInMs);
    this.#beat.unref(); // it is the connection that keeps a process alive
  }

  #send(): void {
    this.#wire.send('REPLCONF', 'ACK', `${this.#acknowledged}`);
  }

  #close(): void {
    this.#isLeft = true;
    clearTimeout(this.#beat);
    this.#wire.close();
  }
}

const misuse = (what: string): RecoveryError =>
  new RecoveryError('INTERNAL', `a fault in following the replication stream: ${what}`, {
    next: 'Please report it, with this message.',
  });
