import type { Server, Socket } from 'node:net';
import { messageOf } from '../../model/errors.ts';
import { createListener, disconnect, GETACK, MOST_CONNECTIONS, PING, type PrimaryTls } from './primary-connections.ts';
import { liveFailed } from './primary-errors.ts';
import { type ListenerOptions, receive } from './primary-listener.ts';
import { OpenPayload, type Payload } from './primary-payload.ts';

/** A follower hears from us each second: it takes silence of `repl-timeout` for the death of its primary. */
const KEEPALIVE_MS = 1000;

export interface ServePrimaryOptions extends ListenerOptions {
  listenHost: string;
  /** 0: a free one. */
  port: number;
  tls?: PrimaryTls;
  /**
   * What +FULLRESYNC names. The follower's own id, so that it serves its old data until the new is whole; and an offset far
   * beyond its own (2^40), so that nobody who followed it can go on in the other history unnoticed.
   */
  identity: { replid: string; offset: number };
  rdb: Payload;
  /** Commands to replay behind the RDB. They run as superuser: filter them before. */
  log?: Payload;
  signal?: AbortSignal;
  onProgress?: (progress: PrimaryProgress) => void;
  /** How long after `started()` the follower may take to ask for the data. Default 3000. */
  psyncWithinMs?: number;
  /** How long a feed may take for its next piece. Default 3000. */
  feedWithinMs?: number;
}

export interface PrimaryProgress {
  stage: 'listening' | 'preparing' | 'rdb' | 'log' | 'confirming' | 'confirmed';
  sentBytes: number;
  totalBytes: number;
  /** The follower has executed everything up to here; absent while it loads. */
  acknowledgedOffset?: number;
}

export interface ServedLoad {
  /** Where the stream of commands ended. */
  endOffset: number;
  /** At least that. */
  acknowledgedOffset: number;
}

export interface ServedPrimary extends AsyncDisposable {
  readonly port: number;
  /** The Redis has been told to follow: from now on it has three seconds to come. */
  started(): void;
  /**
   * The follower has confirmed every byte. The connection stays, until it is promoted or `close` is called.
   * @throws RecoveryError `LIVE_FAILED`; the signal's reason; what the feeds throw
   */
  readonly done: Promise<ServedLoad>;
  /** Is the follower still connected? */
  readonly hasFollower: boolean;
  /** Ends every connection and the listener at once. In the middle of a load this gives the follower its old data back. */
  close(): Promise<void>;
}

/**
 * Plays the primary of one Redis for the length of one load: RDB, then log, then the proof that all of it has been executed.
 * The whole data must lie here, checked, before the Redis is told to follow.
 * @throws RecoveryError `LIVE_FAILED` when it cannot listen
 * @see redis 7.0.15 src/replication.c, readSyncBulkPayload, useDisklessLoad
 */
export async function servePrimary(options: ServePrimaryOptions): Promise<ServedPrimary> {
  options.signal?.throwIfAborted();
  const primary = new Primary(options);
  await primary.listen();
  return primary;
}

class Primary implements ServedPrimary {
  readonly done: Promise<ServedLoad>;
  readonly #options: ServePrimaryOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #turnedAway = new Set<string>();
  readonly #settled = Promise.withResolvers<ServedLoad>();
  /** Aborted when the load has failed or everything is closed. */
  readonly #over = new AbortController();
  readonly #closed: Promise<void>;
  readonly #endOffset: number;
  readonly #totalBytes: number;
  readonly #abort = () => this.#end(this.#options.signal?.reason);
  #stage: PrimaryProgress['stage'] = 'listening';
  #sentBytes = 0;
  #acknowledged: number | undefined;
  #follower: Socket | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #keepalive: NodeJS.Timeout | undefined;

  constructor(options: ServePrimaryOptions) {
    this.#options = options;
    this.#endOffset = options.identity.offset + (options.log?.bytes ?? 0);
    this.#totalBytes = options.rdb.bytes + (options.log?.bytes ?? 0);
    this.done = this.#settled.promise;
    this.done.catch(() => undefined); // it may fail before anybody awaits it
    const greet = (socket: Socket) => this.#greet(socket);
    this.#server = createListener(options.tls, greet);
    this.#server.on('connection', (socket: Socket) => this.#hold(socket)); // also one that never ends its TLS handshake
    this.#closed = new Promise((resolve) => this.#server.once('close', resolve));
    options.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  get hasFollower(): boolean {
    return this.#follower !== undefined && !this.#follower.destroyed;
  }

  async listen(): Promise<void> {
    const { listenHost, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, listenHost, resolve);
    }).catch((error: unknown) => {
      throw liveFailed(
        `the worker cannot listen on ${listenHost}:${port}: ${messageOf(error)}`,
        'Choose a free port, and an address of this machine, for live restores.',
        error,
      );
    });
    this.#server.on('error', () => undefined); // one connection that could not be taken: the deadline tells
    this.#progress('listening');
  }

  started(): void {
    const { psyncWithinMs = 3000, listenHost } = this.#options;
    if (this.#follower) return;
    this.#deadline ??= setTimeout(() => {
      const seen = [...this.#turnedAway].join('; ');
      const what = `Redis did not come for the data within ${psyncWithinMs} ms: the path from Redis to the worker (${listenHost}:${this.port}) is closed`;
      const next =
        'Open the path from Redis to this address (egress policy, firewall, mesh), or restore with strategy `replace`.';
      this.#end(liveFailed(seen ? `${what}, or others came in its place: ${seen}` : what, next));
    }, psyncWithinMs);
  }

  async close(): Promise<void> {
    this.#end(liveFailed('the load was ended before it was done', 'Restore again when you want to.'));
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #greet(socket: Socket): void {
    socket.setNoDelay(true);
    this.#hold(socket);
    receive(socket, this.#options, {
      admit: (follower) => this.#admit(follower),
      confirmed: (offset) => this.#confirmed(offset),
      turnedAway: (why) => this.#turnedAway.size < MOST_CONNECTIONS && this.#turnedAway.add(why),
    });
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #admit(socket: Socket): boolean {
    if (this.#follower || this.#over.signal.aborted) return false;
    this.#follower = socket;
    clearTimeout(this.#deadline);
    const left = 'Redis left before it had the whole of the data';
    const next = 'Look into the log of Redis, which keeps its old data unless it said that it flushed it, and restore again.';
    socket.on('close', () => this.#end(liveFailed(left, next)));
    this.#serve(socket).catch((error: unknown) => this.#end(error));
    return true;
  }

  async #serve(socket: Socket): Promise<void> {
    const { identity, rdb, log, feedWithinMs = 3000 } = this.#options;
    this.#progress('preparing');
    this.#keepAlive(socket, '\n');
    const limits = { timeoutMs: feedWithinMs, signal: this.#over.signal };
    const payloads = [new OpenPayload('the RDB', rdb, limits), ...(log ? [new OpenPayload('the log', log, limits)] : [])];
    try {
      for (const payload of payloads) await payload.ready(); // before Redis lets go of anything
      clearInterval(this.#keepalive);
      socket.write(`+FULLRESYNC ${identity.replid} ${identity.offset}\r\n$${rdb.bytes}\r\n`);
      for (const [index, payload] of payloads.entries()) {
        for await (const bytes of payload.sendTo(socket)) {
          this.#sentBytes += bytes;
          this.#progress(index === 0 ? 'rdb' : 'log');
        }
      }
    } finally {
      for (const payload of payloads) payload.discard();
    }
    socket.write(GETACK); // else it answers once a second
    this.#progress('confirming');
    this.#keepAlive(socket, PING);
  }

  /** What counts is the end of the log: GETACK is not in its own answer, and is in those of later seconds. */
  #confirmed(offset: number): void {
    this.#acknowledged = offset;
    const isAll = this.#stage === 'confirming' && offset >= this.#endOffset;
    this.#progress(isAll ? 'confirmed' : this.#stage);
    if (isAll) this.#settled.resolve({ endOffset: this.#endOffset, acknowledgedOffset: offset });
  }

  #keepAlive(socket: Socket, word: string | Buffer): void {
    clearInterval(this.#keepalive);
    this.#keepalive = setInterval(() => socket.write(word), KEEPALIVE_MS);
  }

  #progress(stage: PrimaryProgress['stage']): void {
    this.#stage = stage;
    const acknowledged = this.#acknowledged === undefined ? {} : { acknowledgedOffset: this.#acknowledged };
    this.#options.onProgress?.({ stage, sentBytes: this.#sentBytes, totalBytes: this.#totalBytes, ...acknowledged });
  }

  /** The first outcome counts, `done` too. Nothing is left open: only so a follower in mid-load gets its old data back. */
  #end(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#settled.reject(error);
    this.#over.abort();
    this.#options.signal?.removeEventListener('abort', this.#abort);
    clearTimeout(this.#deadline);
    clearInterval(this.#keepalive);
    for (const socket of this.#sockets) disconnect(socket, this.#stage === 'confirmed' || this.#options.tls !== undefined);
    this.#server.close();
  }
}
