import { RecoveryError } from '../../model/errors.ts';
import { errorOfReply } from '../client-errors.ts';
import { describeConnection, type RedisConnection } from '../connection.ts';
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
  const ask = async (...args: string[]) => {
    wire.send(...args);
    return await reply(wire, options.onWaiting, 'waiting for Redis to begin the snapshot');
  };
  const must = async (did: string, ...args: string[]) => {
    const answer = await ask(...args);
    if (answer.startsWith('-')) throw errorOfReply(answer.slice(1), did, connection);
  };
  await signIn(connection, ask);
  await greet(connection, ask);
  await must('REPLCONF', 'REPLCONF', 'capa', 'eof', 'capa', 'psync2');
  await ask('REPLCONF', 'rdb-only', '1'); // before 6.2 it is refused: then we are an ordinary replica, and leave at the end
  // Without a version Valkey 9 writes an old RDB, and fails where a hash has fields with a time to live (valkey #4105).
  if (options.product !== 'redis') await ask('REPLCONF', 'version', NEWEST_VALKEY);
  options.onWaiting?.('waiting for Redis to begin the snapshot');
  return parseFullResync(await ask('PSYNC', '?', '-1'), connection);
}

type Ask = (...args: string[]) => Promise<string>;

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

function parseFullResync(answer: string, connection: RedisConnection): FullResync {
  const [, replid, offset] = /^\+FULLRESYNC (\S+) (-?\d+)/.exec(answer) ?? [];
  if (replid !== undefined) return { replid, offset: Number(offset) };
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
