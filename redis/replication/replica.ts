import type { RedisConnection } from '../client/connection.ts';
import { readFraming, requestSnapshot } from './handshake.ts';
import { type Framing, Wire } from './wire.ts';

/** One RDB on its way from a Redis. */
export interface RdbStream {
  replid: string;
  /** The stream of commands goes on at the byte after this. */
  offset: number;
  /** `eof-mark`: straight from the fork (diskless). `length`: Redis wrote it to its own disk first. */
  framing: 'eof-mark' | 'length';
  /** Only with `length`. */
  totalBytes?: number;
  /**
   * The bytes of the RDB and nothing else, in pieces of up to 1 MiB; a slow reader slows Redis' child down. Read it once.
   * Leaving it early closes the connection. A piece is yours (unless `lends`), but what lies before and behind it in memory isn't.
   * @throws RecoveryError `REPLICATION_INTERRUPTED` when the connection ended before the RDB did
   */
  body: AsyncIterable<Buffer>;
  /** Closes the connection of a body that will not be read. */
  close(): void;
}

export interface OpenRdbStreamOptions {
  /** Ends the connection; the body then throws the signal's reason. */
  signal?: AbortSignal;
  /** Told what is waited for, again at each keepalive of the server, about once a second. */
  onWaiting?: (state: string) => void;
  /**
   * Awaited right after the fork, before any byte of the body is handed out. When it throws, the connection is closed.
   * Redis answers +FULLRESYNC when its child exists, so a setting that the child takes over can be put back here.
   */
  onFullResync?: (resync: { replid: string; offset: number }) => Promise<void> | void;
  /** How long the server may send nothing, not even keepalives. Default 45,000: less than Redis' `repl-timeout` of 60 s. */
  idleTimeoutMs?: number;
  /** Default 10,000. */
  connectTimeoutMs?: number;
  /** Known from INFO: spares a Redis one request that it refuses. */
  product?: 'redis' | 'valkey';
  /** Pieces of the RDB are only lent, each until the next is asked for: for who copies them anyway. Default false. */
  lends?: boolean;
}

/**
 * Asks a Redis for a snapshot the way a replica does, and streams it. Changes nothing on the server but the load of one fork.
 * Works on primaries and on replicas with a link to theirs. With `repl-diskless-sync yes` Redis waits
 * `repl-diskless-sync-delay` (5 s) before it forks; with `no` its own dump.rdb is written first.
 * @throws RecoveryError `REDIS_UNREACHABLE`, `REDIS_AUTH_FAILED`, `REDIS_PERMISSION_DENIED`, `REDIS_NOT_READY`,
 *   `REDIS_REFUSED`, `REPLICATION_PROTOCOL`, `REPLICATION_INTERRUPTED`
 */
export async function openRdbStream(connection: RedisConnection, options: OpenRdbStreamOptions = {}): Promise<RdbStream> {
  const { signal, idleTimeoutMs = 45_000, connectTimeoutMs = 10_000, onWaiting } = options;
  onWaiting?.('connecting');
  const wire = await Wire.connect(connection, { signal, idleTimeoutMs, connectTimeoutMs });
  try {
    const resync = await requestSnapshot(wire, connection, options);
    await options.onFullResync?.(resync);
    const framing = await readFraming(wire, connection, onWaiting);
    return {
      ...resync,
      ...describeFraming(framing),
      body: wire.body(framing, { lends: options.lends ? 'untilNext' : 'never' }),
      close: () => wire.close(),
    };
  } catch (error) {
    wire.close();
    throw error;
  }
}

export const describeFraming = (framing: Framing): Pick<RdbStream, 'framing' | 'totalBytes'> =>
  'mark' in framing ? { framing: 'eof-mark' } : { framing: 'length', totalBytes: framing.bytes };
