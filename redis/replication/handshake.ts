import { RecoveryError } from '../../model/errors.ts';
import { describeConnection, type RedisConnection } from '../client/connection.ts';
import { errorOfReply } from '../client/errors.ts';
import type { Framing, Wire } from './wire.ts';

export interface FullResync {
  replid: string;
  /** Replication offset of the snapshot: the stream goes on at the next byte. */
  offset: number;
}

export interface HandshakeOptions {
  /** Left out: it is taken for Valkey, too; Redis refuses the one word more and goes on. */
  product?: 'redis' | 'valkey';
  /** Called for each step and for each keepalive of the server. */
  onWaiting?: (state: string) => void;
}

/** The history of which an archive has everything up to `offset`. */
export interface ResumePoint {
  replid: string;
  offset: number;
}

export interface Continued {
  replid: string;
  /** As asked for: the stream goes on at the next byte. */
  offset: number;
  /** The id that was asked for, where the server goes on with its history under another one. */
  previousReplid?: string;
}

export type StreamAnswer = ({ kind: 'continued' } & Continued) | ({ kind: 'full' } & FullResync);

/** The version that Valkey's own development builds report: "send the RDB as you would write it yourself". */
const NEWEST_VALKEY = '255.255.255';

/**
 * Signs in and asks for one snapshot as a replica that wants nothing else. One request at a time, because PSYNC is refused
 * while an answer is outstanding. Never offers `listening-port`, or Sentinel would take us for a replica for good, nor
 * `capa rdb-channel-repl`, or Redis 8 would want a second connection.
 * @throws RecoveryError `REDIS_AUTH_FAILED`, `REDIS_PERMISSION_DENIED`, `REDIS_NOT_READY`, `REDIS_REFUSED`, `REPLICATION_PROTOCOL`
 * @see redis 7.0.15 src/replication.c, replconfCommand, syncCommand; src/redis-cli.c, sendReplconf
 */
export async function requestSnapshot(wire: Wire, connection: RedisConnection, options: HandshakeOptions): Promise<FullResync> {
  const ask = askerOf(wire, options, 'waiting for Redis to begin the snapshot');
  await introduce(ask, connection);
  await ask('REPLCONF', 'rdb-only', '1'); // before 6.2 it is refused: then we are an ordinary replica, and leave at the end
  await nameVersion(ask, options);
  options.onWaiting?.('waiting for Redis to begin the snapshot');
  const answer = await ask('PSYNC', '?', '-1');
  return parseFullResync(answer) ?? refused(answer, connection);
}

/**
 * Signs in and asks for the stream of commands, as a replica that stays: from the byte after `resume`, or from a snapshot on.
 * The server may answer both with a snapshot. What is never offered: see `requestSnapshot`.
 * @throws RecoveryError as `requestSnapshot`
 * @see redis 7.0.15 src/replication.c, masterTryPartialResynchronization
 */
export async function requestStream(
  wire: Wire,
  connection: RedisConnection,
  options: HandshakeOptions & { resume?: ResumePoint },
): Promise<StreamAnswer> {
  const { resume } = options;
  const ask = askerOf(wire, options, 'waiting for Redis to begin the replication');
  await introduce(ask, connection);
  await nameVersion(ask, options);
  options.onWaiting?.('waiting for Redis to begin the replication');
  const wanted = resume ? [resume.replid, `${resume.offset + 1}`] : ['?', '-1'];
  const answer = await ask('PSYNC', ...wanted);
  const continued = resume && parseContinue(answer, resume);
  if (continued) return { kind: 'continued', ...continued };
  return { kind: 'full', ...(parseFullResync(answer) ?? refused(answer, connection)) };
}

type Ask = (...args: string[]) => Promise<string>;

const askerOf =
  (wire: Wire, { onWaiting }: HandshakeOptions, state: string): Ask =>
  async (...args) => {
    wire.send(...args);
    return await reply(wire, onWaiting, state);
  };

async function introduce(ask: Ask, connection: RedisConnection): Promise<void> {
  await signIn(connection, ask);
  await greet(connection, ask);
  const answer = await ask('REPLCONF', 'capa', 'eof', 'capa', 'psync2');
  if (answer.startsWith('-')) throw errorOfReply(answer.slice(1), 'REPLCONF', connection);
}

/** Without a version Valkey 9 writes an old RDB, and fails where a hash has fields with a time to live (valkey #4105). */
async function nameVersion(ask: Ask, { product }: HandshakeOptions): Promise<void> {
  if (product !== 'redis') await ask('REPLCONF', 'version', NEWEST_VALKEY);
}

async function signIn({ username, password, ...rest }: RedisConnection, ask: Ask): Promise<void> {
  if (password === undefined) return;
  const answer = await ask('AUTH', ...(username === undefined ? [] : [username]), password);
  if (!answer.startsWith('-') || /without any password configured|no password is set/i.test(answer)) return;
  throw errorOfReply(answer.slice(1), 'AUTH', { username, password, ...rest });
}

/** PING tells early that a password is missing. A server that cannot write its own disk (MISCONF) can still be backed up. */
async function greet(connection: RedisConnection, ask: Ask): Promise<void> {
  const answer = await ask('PING');
  const isHarmless = !answer.startsWith('-') || /^-(MISCONF|NOPERM)/.test(answer);
  if (!isHarmless) throw errorOfReply(answer.slice(1), 'PING', connection);
}

/** The next line that isn't a keepalive. */
async function reply(wire: Wire, onWaiting: HandshakeOptions['onWaiting'], state: string): Promise<string> {
  for (;;) {
    const line = await wire.line();
    if (line !== '') return line;
    onWaiting?.(state);
  }
}

function parseFullResync(answer: string): FullResync | undefined {
  const [, replid, offset] = /^\+FULLRESYNC (\S+) (-?\d+)/.exec(answer) ?? [];
  return replid === undefined ? undefined : { replid, offset: Number(offset) };
}

/** Without an id (as before Redis 4) it is the one that was asked for. */
function parseContinue(answer: string, { replid, offset }: ResumePoint): Continued | undefined {
  const found = /^\+CONTINUE(?: (\S+))?\s*$/.exec(answer);
  if (!found) return undefined;
  const [, id] = found;
  return id === undefined || id === replid ? { replid, offset } : { replid: id, offset, previousReplid: replid };
}

function refused(answer: string, connection: RedisConnection): never {
  if (answer.startsWith('-')) throw errorOfReply(answer.slice(1), 'PSYNC', connection);
  throw protocolError(connection, 'PSYNC', answer);
}

/** Reads the header of the RDB: `$EOF:` and the mark, or `$` and the number of bytes, after any number of keepalives. */
export async function readFraming(
  wire: Wire,
  connection: RedisConnection,
  onWaiting?: (state: string) => void,
): Promise<Framing> {
  const line = await reply(wire, onWaiting, 'Redis is writing the snapshot to its own disk');
  const [, mark] = /^\$EOF:(.{40})$/.exec(line) ?? [];
  if (mark !== undefined) return { mark: Buffer.from(mark, 'latin1') };
  const [, bytes] = /^\$(\d+)$/.exec(line) ?? [];
  if (bytes !== undefined) return { bytes: Number(bytes) };
  if (!line.startsWith('-')) throw protocolError(connection, 'the snapshot', line);
  throw new RecoveryError(
    'REPLICATION_INTERRUPTED',
    `${describeConnection(connection)} could not make the snapshot: ${line.slice(1)}`,
    {
      next: 'Look into the log of Redis: a fork needs memory (vm.overcommit_memory=1), and a disk-based sync needs disk space.',
    },
  );
}

const protocolError = (connection: RedisConnection, asked: string, answer: string): RecoveryError =>
  new RecoveryError('REPLICATION_PROTOCOL', `${describeConnection(connection)} answered ${asked} with "${answer.slice(0, 80)}"`, {
    next: 'Check that host and port are those of a Redis or Valkey, and not of a proxy or of Sentinel.',
  });
