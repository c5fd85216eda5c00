import { hash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { RequestReader } from './requests.ts';

export interface ListenerOptions {
  /** Taken by AUTH; without it the default user's form, `AUTH <password>`. */
  user?: string;
  password: string;
  /** Absent: from anywhere. */
  allowedAddresses?: readonly string[];
  /** How long a connection may take to sign in and ask for the data. A replica does it in milliseconds. Default 2000. */
  signInWithinMs?: number;
}

export interface Connections {
  /** May the one that has signed in become the follower? False when there is one. */
  admit(socket: Socket): boolean;
  /** The follower has confirmed the stream up to this offset. */
  confirmed(offset: number): void;
  turnedAway(why: string): void;
}

/**
 * Answers one connection as a primary does, until it asks for the data with the right password. Whoever doesn't is
 * disconnected, and neither gets a byte of the data nor disturbs the one who does.
 * @see redis 7.0.15 src/replication.c, syncWithMaster: what a replica asks, and in which order
 */
export function receive(socket: Socket, options: ListenerOptions, connections: Connections): void {
  const address = plainAddress(socket.remoteAddress);
  const turnAway = (why: string) => {
    connections.turnedAway(`${address} ${why}`);
    socket.destroy();
  };
  socket.on('error', () => undefined); // 'close' follows, and says all that we need
  if (options.allowedAddresses && !options.allowedAddresses.map(plainAddress).includes(address)) {
    turnAway('is no address of this Redis');
    return;
  }
  const requests = new RequestReader();
  const visit: Visit = { isKnown: false, isFollower: false };
  const late = setTimeout(() => turnAway('did not ask for the data'), options.signInWithinMs ?? 2000);
  socket.on('close', () => clearTimeout(late));
  socket.on('data', (bytes: Buffer) => {
    try {
      for (const words of requests.push(bytes)) {
        if (socket.destroyed) return;
        const answer = answerTo(words, visit, options, connections);
        if (answer === FOLLOW) {
          if (!connections.admit(socket)) throw new Error('came while another one is served');
          visit.isFollower = true;
          clearTimeout(late);
        } else if (answer && !visit.isFollower) socket.write(answer); // what it hears now is the data, and nothing between
      }
    } catch (error) {
      turnAway((error as Error).message);
    }
  });
}

interface Visit {
  isKnown: boolean;
  isFollower: boolean;
}

const FOLLOW = Symbol('it asks for the data');
const NO_AUTH = '-NOAUTH Authentication required.\r\n';

/** @throws Error for what ends the visit */
function answerTo(
  words: string[],
  visit: Visit,
  options: ListenerOptions,
  connections: Connections,
): string | typeof FOLLOW | undefined {
  const [command = '', ...args] = words.map((word, index) => (index === 0 ? word.toUpperCase() : word));
  if (command === 'AUTH') {
    if (!isPassword(args, options)) throw new Error('has another password');
    visit.isKnown = true;
    return '+OK\r\n';
  }
  if (!visit.isKnown) {
    if (command === 'PING') return NO_AUTH; // as Redis does: a replica takes it for a sign of life, and signs in
    throw new Error('does not sign in');
  }
  if (command === 'PING') return '+PONG\r\n';
  if (command === 'REPLCONF') return answerReplconf(args, visit, connections);
  if (command === 'PSYNC' && !visit.isFollower) return FOLLOW;
  throw new Error('asks for what no replica asks for');
}

/** Whatever it is capable of, also `rdb-channel-repl`, we take note of it and stay with the one connection. */
function answerReplconf([option = '', value]: string[], visit: Visit, connections: Connections): string | undefined {
  if (option.toUpperCase() !== 'ACK') return '+OK\r\n';
  if (visit.isFollower && value !== undefined && /^\d+$/.test(value)) connections.confirmed(Number(value));
  return undefined;
}

function isPassword(args: string[], { user, password }: ListenerOptions): boolean {
  const [given = '', name = 'default'] = args.toReversed();
  const sha = (text: string) => hash('sha256', Buffer.from(text, 'latin1'), 'buffer');
  const isSame = timingSafeEqual(sha(given), sha(Buffer.from(password).toString('latin1')));
  return isSame && args.length <= 2 && name === (user ?? 'default');
}

const plainAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/i, '');
