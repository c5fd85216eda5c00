import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { messageOf } from '../../model/errors.ts';
import { endpointOf, type RedisConnection } from '../client/connection.ts';
import { sentName } from '../client/renames.ts';
import { encodeCommand } from '../log/resp.ts';

/** A text, or the words of a refusal. */
export type Reply = string | { error: string };

/** How a conversation ended that did not bring all answers. */
export interface Ended {
  how: 'late' | 'refused' | 'unreachable' | 'reset' | 'tls';
  detail: string;
  /** Somebody took the connection; with TLS that says nothing of the handshake. */
  connected: boolean;
}

export interface Exchange {
  /** One a command, as far as they came; an answer to the connection itself stands first. */
  replies: Reply[];
  ended: Ended;
  /** The beginning of what is no answer of a Redis. */
  stray?: string;
}

/** INFO of a Redis has some kilobytes; whoever sends more is none. */
const MOST_BYTES = 1 << 20;

/** Sends all commands at once and takes what comes, until all are answered, the connection ends, or the time is over. */
export function exchange(
  connection: RedisConnection,
  commands: readonly (readonly string[])[],
  withinMs: number,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = open(connection);
    let bytes = Buffer.alloc(0);
    let connected = false;
    let secured = false;
    const settle = (how: Ended['how'], detail: string) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined); // nobody listens any more
      socket.destroy();
      resolve({ ...repliesIn(bytes), ended: { how, detail, connected } });
    };
    const timer = setTimeout(() => settle('late', `no answer within ${withinMs} ms`), withinMs);
    socket.once('connect', () => {
      connected = true;
    });
    socket.once(connection.tls ? 'secureConnect' : 'connect', () => {
      secured = true;
      socket.write(Buffer.concat(commands.map(([name = '', ...args]) => encodeCommand([sentName(connection, name), ...args]))));
    });
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const { replies, stray } = repliesIn(bytes);
      if (stray !== undefined || replies.length >= commands.length || bytes.length > MOST_BYTES) settle('late', 'answered');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => settle(...endOf(error, secured, connection)));
    socket.once('close', () => settle('reset', 'the connection was closed without an answer'));
  });
}

function open(connection: RedisConnection): Socket {
  const endpoint = endpointOf(connection);
  return connection.tls ? connectTls({ ...connection.tls, ...endpoint }) : connect(endpoint);
}

function endOf(error: NodeJS.ErrnoException, secured: boolean, { tls, socketPath }: RedisConnection): [Ended['how'], string] {
  const { code = '' } = error;
  const text = messageOf(error) || code;
  if (code === 'ECONNREFUSED' || (error instanceof AggregateError && /ECONNREFUSED/.test(code)))
    return ['refused', 'nothing listens there'];
  if (socketPath && code === 'ENOENT') return ['refused', 'there is no such socket'];
  if (['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL'].includes(code))
    return ['unreachable', text];
  const isReset = ['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(code);
  if (tls && !secured && !['EACCES', 'EPERM'].includes(code))
    return ['tls', isReset ? 'it ended the TLS handshake without a word' : text];
  return isReset ? ['reset', text] : ['unreachable', text];
}

export const TLS_ALERT = 'a TLS alert';

/** A TLS server answers what it cannot read by an alert: record type 21, version 3.x. */
const isTlsAlert = (bytes: Buffer): boolean => bytes[0] === 21 && bytes[1] === 3;
const STRAY_SHOWN = 40;

function repliesIn(bytes: Buffer): { replies: Reply[]; stray?: string } {
  const replies: Reply[] = [];
  let at = 0;
  while (at < bytes.length) {
    const kind = String.fromCharCode(bytes[at] ?? 0);
    if (!'+-:$_,#'.includes(kind)) return { replies, stray: isTlsAlert(bytes) ? TLS_ALERT : shown(bytes, at) };
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) break;
    const line = bytes.toString('utf8', at + 1, end);
    at = end + 2;
    if (kind !== '$') {
      replies.push(kind === '-' ? { error: line } : line);
      continue;
    }
    const length = Number(line);
    if (!Number.isInteger(length)) return { replies, stray: shown(bytes, 0) };
    if (length < 0) replies.push('');
    else if (bytes.length < at + length + 2) break;
    else {
      replies.push(bytes.toString('utf8', at, at + length));
      at += length + 2;
    }
  }
  return { replies };
}

const shown = (bytes: Buffer, at: number): string =>
  JSON.stringify(
    bytes
      .toString('latin1', at, at + STRAY_SHOWN)
      .replace(/[^\x20-\x7e]+/g, ' ')
      .trim(),
  );
