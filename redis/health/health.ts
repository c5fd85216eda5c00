import type { HealthReport, HealthVerdict } from '../../model/health-report.ts';
import { placeOf, type RedisConnection } from '../client/connection.ts';
import { withoutSecrets } from '../client/errors.ts';
import { parseInfo } from '../client/info.ts';
import { type Exchange, exchange, type Reply, TLS_ALERT } from './exchange.ts';
import { factsOf } from './facts.ts';

export interface LookOptions {
  /** All in all, from the first packet to the last answer. Default 2500. */
  withinMs?: number;
}

/**
 * A write that writes nothing: Redis takes it for a write, refuses it as it would refuse any other (MISCONF, OOM, READONLY), and
 * neither makes the key nor tells its replicas. Without `+setrange` (MINIMUM_ACL.recovery) a refusal of writes goes unseen.
 */
const EMPTY_WRITE = ['SETRANGE', '__redis-backup:probe:look', '0', ''] as const;

/** Kept back for a second, silent connection. */
const LISTEN_MS = 300;

/**
 * One look at a Redis: a connection, INFO, PING and a write that writes nothing, all sent at once, and a verdict from a closed
 * list. Never throws for what the other side does, never takes longer than it is given, changes nothing. Over a socket of its
 * own: what a client library makes of a server that answers before it is asked, or in another language, is not for deciding.
 */
export async function checkHealth(connection: RedisConnection, { withinMs = 2_500 }: LookOptions = {}): Promise<HealthReport> {
  const { username, password } = connection;
  const auth = password === undefined ? [] : [['AUTH', ...(username === undefined ? [] : [username]), password]];
  const heard = await listenAgain(
    connection,
    await exchange(connection, [...auth, ['INFO'], ['PING'], [...EMPTY_WRITE]], withinMs - LISTEN_MS),
  );
  const address = placeOf(connection);
  const [verdict, detail] = judge(heard, auth.length, connection);
  const info = heard.replies[auth.length];
  const facts = typeof info === 'string' ? factsOf(parseInfo(info)) : undefined;
  return { verdict, detail: withoutSecrets(detail, connection), address, ...(facts ? { facts } : {}) };
}

/**
 * Who is shown the door (maxclients, protected mode) may lose the words that were said, because it was speaking itself. And a Redis
 * without TLS waits for the end of what a TLS client says.
 */
async function listenAgain(connection: RedisConnection, asked: Exchange): Promise<Exchange> {
  const { how, connected } = asked.ended;
  if (asked.replies.length > 0 || asked.stray !== undefined || !connected) return asked;
  const { tls: _, ...plain } = connection;
  if (how === 'late' && connection.tls) {
    const { replies } = await exchange(plain, [['PING']], LISTEN_MS);
    return replies.length > 0 ? { ...asked, ended: { how: 'tls', detail: 'it answers, but without TLS', connected } } : asked;
  }
  const listened = how === 'reset' ? await exchange(connection, [], LISTEN_MS) : asked;
  return listened.replies.length > 0 || listened.stray !== undefined ? listened : asked;
}

type Judgement = [verdict: HealthVerdict, detail: string];

function judge({ replies, ended, stray }: Exchange, skip: number, connection: RedisConnection): Judgement {
  const where = placeOf(connection);
  if (stray?.startsWith(TLS_ALERT)) return ['tls', `${where} wants TLS`];
  if (stray !== undefined) return ['not-redis', `${where} answers what no Redis says: ${stray}`];
  const refusal = refusalIn(replies, skip);
  if (refusal) return refusal;
  const [info, ping, write] = replies.slice(skip);
  if (typeof info === 'string' && /^loading:1\r?$/m.test(info)) return ['loading', 'it loads its data'];
  if (write !== undefined && ping !== undefined && info !== undefined) return judgeAnswers(info, ping, write);
  if (ended.how === 'late' && ended.connected) return ['silent', `${where} takes the connection and answers nothing`];
  return [ended.how === 'late' ? 'unreachable' : ended.how, ended.detail];
}

/** What Redis says to the connection as a whole, before anything was answered, or to all of it. */
function refusalIn(replies: readonly Reply[], skip: number): Judgement | undefined {
  for (const [index, reply] of replies.entries()) {
    const text = errorIn(reply);
    if (text === undefined) continue;
    if (/max number of clients/i.test(text)) return ['clients-full', `it says: ${text}`];
    if (/^-?DENIED/.test(text)) return ['protected', `it says: ${text.split('.', 1)[0]}`];
    // A server that came back without its password serves us all the same.
    if (index < skip && /without any password configured|no password is set/i.test(text)) continue;
    if (index < skip && /^(?:LOADING|BUSY|MASTERDOWN)/.test(text)) continue;
    if (index < skip || /^(?:NOAUTH|WRONGPASS)/.test(text)) return ['password', `it says: ${text}`];
  }
  return undefined;
}

function judgeAnswers(info: Reply, ping: Reply, write: Reply): Judgement {
  const texts = [write, ping, info].map(errorIn).filter((text) => text !== undefined);
  const starting = (word: string) => texts.find((text) => text.startsWith(word));
  for (const [word, verdict] of WORDS) {
    const text = starting(word);
    if (text !== undefined) return [verdict, `it says: ${text}`];
  }
  if (errorIn(info) !== undefined) return ['permission', `it says: ${errorIn(info)}`];
  const facts = factsOf(parseInfo(String(info)));
  const mayNotTry = errorIn(write);
  // Without the right to try it, INFO must do.
  if (mayNotTry?.startsWith('NOPERM')) {
    if (facts.role === 'slave') return ['read-only', 'INFO says that it is a replica'];
    if (facts.aofLastWrite === 'err') return ['misconf', 'INFO says aof_last_write_status:err'];
    if (isFull(facts)) return ['full', 'INFO says that it is at its maxmemory, with noeviction'];
  } else if (mayNotTry !== undefined && !/^(?:WRONGTYPE|MOVED|ASK)/.test(mayNotTry)) {
    return ['refuses-writes', `it says: ${mayNotTry}`];
  }
  return ['serves', 'it answers reads and writes'];
}

const WORDS: readonly (readonly [string, HealthVerdict])[] = [
  ['LOADING', 'loading'],
  ['BUSY', 'busy'],
  ['MISCONF', 'misconf'],
  ['OOM', 'full'],
  ['READONLY', 'read-only'],
  ['MASTERDOWN', 'read-only'],
];

const isFull = ({ maxmemoryBytes, maxmemoryPolicy, usedMemoryBytes }: ReturnType<typeof factsOf>): boolean =>
  maxmemoryBytes > 0 && maxmemoryPolicy === 'noeviction' && usedMemoryBytes >= maxmemoryBytes;

const errorIn = (reply: Reply | undefined): string | undefined => (typeof reply === 'object' ? reply.error : undefined);
