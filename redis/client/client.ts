import { Redis } from 'ioredis';
import { RecoveryError } from '../../model/errors.ts';
import { describeConnection, endpointOf, type RedisConnection } from './connection.ts';
import { errorOfConnection, errorOfReply } from './errors.ts';
import { type Keyspace, parseInfo, type RedisInfo } from './info.ts';
import { isCommandMissing, Renames } from './renames.ts';

export interface RedisModule {
  name: string;
  version: number;
}

export type Command = readonly [name: string, ...args: (string | Buffer)[]];
/** Buffer, number, null, an array of them, or why the server refused. */
export type BatchReply = unknown | RecoveryError;

/** One connection for questions and settings. It never reconnects: who asks decides whether to ask again. */
export interface RedisClient {
  readonly connection: RedisConnection;
  /** @param sections - INFO's own names; all of its default ones when left out */
  info(...sections: string[]): Promise<RedisInfo>;
  /**
   * CONFIG GET of each name. A name that the server doesn't know is not in the answer. A server without CONFIG is answered for
   * by its redis.conf where that is at hand: see `unasked`.
   */
  configGet(...names: string[]): Promise<Record<string, string>>;
  configSet(name: string, value: string): Promise<void>;
  configRewrite(): Promise<void>;
  /** Questions that this server does not know, and that redis.conf or INFO answered for it, such as `CONFIG GET`. */
  readonly unasked: ReadonlySet<string>;
  /** What a command is called there, as far as the configuration or its redis.conf tells; empty: disabled. */
  called(name: string): Promise<string>;
  /** The server's clock, milliseconds since 1970. */
  time(): Promise<number>;
  /** @throws RecoveryError `REDIS_NOT_READY` while it loads, `REDIS_REFUSED` with MISCONF when it cannot write its data */
  ping(): Promise<void>;
  /** Keys of each database that has some, from INFO: it answers while DBSIZE doesn't. */
  dbsizes(): Promise<Keyspace[]>;
  moduleList(): Promise<RedisModule[]>;
  /** Any command; arguments go as they are and never into an error message. */
  command(...args: string[]): Promise<unknown>;
  /**
   * Sends many commands at once. Arguments and replies are bytes: a key need not be text. What the server refuses is an error in
   * the place of its reply, and the others go on.
   * @throws RecoveryError `REDIS_UNREACHABLE`
   */
  batch(commands: readonly Command[]): Promise<BatchReply[]>;
  close(): void;
  [Symbol.dispose](): void;
}

export interface OpenRedisOptions {
  /** Default 10,000. */
  connectTimeoutMs?: number;
  /** How long one command may take. Default 30,000; a Redis that loads or runs a script is silent for long. */
  commandTimeoutMs?: number;
}

/**
 * Connects and signs in. Also connects to a Redis that is loading: no readiness is checked.
 * @throws RecoveryError `REDIS_UNREACHABLE`, `REDIS_AUTH_FAILED`, `REDIS_NOT_READY`
 */
export async function openRedis(connection: RedisConnection, options: OpenRedisOptions = {}): Promise<RedisClient> {
  const redis = createConnection(connection, options);
  let last: unknown;
  redis.on('error', (error) => {
    last = error; // connect() itself only says "Connection is closed."
  });
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw errorOfConnection(last ?? error, 'the connection', connection);
  }
  const client = clientOf(redis, connection, () => last);
  try {
    await signIn(client);
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}

/**
 * The ioredis below: RESP2 and no CLIENT SETINFO, so that an ACL user needs no permission for the handshake, and no
 * password, which ioredis would send by itself and then only log its refusal.
 */
function createConnection(connection: RedisConnection, options: OpenRedisOptions): Redis {
  const { tls } = connection;
  return new Redis({
    ...endpointOf(connection),
    tls: tls ? { ...tls } : undefined,
    lazyConnect: true,
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: options.connectTimeoutMs ?? 10_000,
    commandTimeout: options.commandTimeoutMs ?? 30_000,
  });
}

async function signIn(client: RedisClient): Promise<void> {
  const { username, password } = client.connection;
  if (password === undefined) return;
  try {
    await client.command('AUTH', ...(username === undefined ? [] : [username]), password);
  } catch (error) {
    // A server that came back without its password serves us all the same: recovery must not stop here.
    if (!(error instanceof RecoveryError && /without any password configured|no password is set/i.test(error.message)))
      throw error;
  }
}

/** What the server did not know is sent again under the name that redis.conf gives it; the others have been done. */
function batchOf(redis: Redis, connection: RedisConnection, renames: Renames, lastError: () => unknown): RedisClient['batch'] {
  const send = async (commands: readonly Command[]): Promise<BatchReply[]> => {
    const pipeline = redis.pipeline();
    for (const [name, ...args] of commands) pipeline.callBuffer(renames.sent(name), args);
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([error, reply], at) => {
      if (!error) return reply;
      const refused = translate(error, lastError(), (commands[at]?.[0] ?? '').toUpperCase(), connection);
      if (refused.code === 'REDIS_UNREACHABLE') throw refused;
      return refused;
    });
  };
  return async (commands) => {
    const sent = commands.map(([name]) => renames.sent(String(name)));
    const replies = await send(commands);
    const again: number[] = [];
    for (const [at, reply] of replies.entries())
      if (isCommandMissing(reply) && (await renames.learn(String(commands[at]?.[0]), sent[at] ?? ''))) again.push(at);
    if (again.length === 0) return replies;
    const others = await send(again.map((at) => commands[at] as Command));
    for (const [i, at] of again.entries()) replies[at] = others[i];
    return replies;
  };
}

function clientOf(redis: Redis, connection: RedisConnection, lastError: () => unknown): RedisClient {
  const renames = new Renames(connection);
  const unasked = new Set<string>();
  const command = async (...args: string[]): Promise<unknown> => {
    const [name = '', ...rest] = args;
    const sent = renames.sent(name);
    try {
      return await redis.call(sent, ...rest);
    } catch (error) {
      const refused = translate(error, lastError(), nameOf(args), connection);
      if (isCommandMissing(refused) && (await renames.learn(name, sent))) return command(...args);
      throw refused;
    }
  };
  const batch = batchOf(redis, connection, renames, lastError);
  const text = async (...args: string[]) => String(await command(...args));
  const info = async (...sections: string[]) => parseInfo(await infoText(text, sections));
  const close = () => redis.disconnect();
  return {
    connection,
    command,
    batch,
    info,
    async configGet(...names) {
      // One by one: Redis 6.2 takes one pattern.
      const asked = Promise.all(names.map((name) => command('CONFIG', 'GET', name) as Promise<string[]>));
      const pairs = await asked.catch(async (error) => {
        const settings = isCommandMissing(error) ? (await renames.conf())?.settings : undefined;
        if (!settings) throw error;
        unasked.add('CONFIG GET');
        return names.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]]));
      });
      return Object.fromEntries(pairs.filter((pair) => pair.length >= 2).map(([name, value]) => [name, value]));
    },
    async configSet(name, value) {
      await command('CONFIG', 'SET', name, value);
    },
    async configRewrite() {
      await command('CONFIG', 'REWRITE');
    },
    async time() {
      const answer = command('TIME') as Promise<[string, string]>;
      const [seconds, micros] = await answer.catch(async (error) => {
        const usec = isCommandMissing(error) ? (await info('server')).number('server_time_usec') : undefined;
        if (usec === undefined) throw error;
        return [0, usec] as const;
      });
      return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    },
    unasked,
    called: (name) => renames.called(name),
    async ping() {
      await command('PING');
    },
    dbsizes: async () => (await info('keyspace')).keyspace(),
    async moduleList() {
      try {
        return ((await command('MODULE', 'LIST')) as unknown[][]).map(moduleOf);
      } catch (error) {
        if (isCommandMissing(error)) return modulesIn(await infoText(text, ['modules']));
        throw error;
      }
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** INFO takes several sections since 7.0 only, so each is asked for. */
async function infoText(text: (...args: string[]) => Promise<string>, sections: string[]): Promise<string> {
  if (sections.length === 0) return text('INFO');
  return (await Promise.all(sections.map((section) => text('INFO', section)))).join('\n');
}

/** `module:name=ReJSON,ver=20008,api=1,…` */
const modulesIn = (info: string): RedisModule[] =>
  [...info.matchAll(/^module:name=([^,\r\n]+),ver=(\d+)/gm)].map(([, name = '', version]) => ({
    name,
    version: Number(version),
  }));

function moduleOf(fields: unknown[]): RedisModule {
  const at = (name: string) => fields[fields.findIndex((field) => String(field) === name) + 1];
  return { name: String(at('name')), version: Number(at('ver')) };
}

const CONTAINERS = new Set(['CONFIG', 'ACL', 'CLIENT', 'MODULE', 'CLUSTER', 'SCRIPT', 'FUNCTION', 'DEBUG', 'MEMORY', 'SENTINEL']);

/** The name of a command for messages: with its subcommand, without arguments. */
function nameOf([name = '', subcommand]: string[]): string {
  const upper = name.toUpperCase();
  return subcommand !== undefined && CONTAINERS.has(upper) ? `${upper} ${subcommand.toUpperCase()}` : upper;
}

function translate(error: unknown, last: unknown, did: string, connection: RedisConnection): RecoveryError {
  const isReply = error instanceof Error && error.name === 'ReplyError';
  if (isReply) return errorOfReply(error.message, did, connection);
  const closed = error instanceof Error && /closed|isn't writeable/.test(error.message);
  return errorOfConnection(closed && last !== undefined ? last : error, did, connection);
}

/** For messages only. */
export const nameOfClient = (client: RedisClient): string => describeConnection(client.connection);
