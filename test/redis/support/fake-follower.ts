import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface FakeFollower {
  readonly socket: Socket;
  /** All that came, as latin1. */
  readonly text: string;
  readonly isClosed: boolean;
  send(...words: string[]): void;
}

/** Something that talks to a primary: a follower, or a stranger. */
export async function connectTo(port: number): Promise<FakeFollower> {
  const socket = connect(port, '127.0.0.1');
  const pieces: Buffer[] = [];
  let isClosed = false;
  socket.on('data', (bytes: Buffer) => pieces.push(bytes));
  socket.on('error', () => undefined); // it is disconnected: that is what is looked at
  socket.on('close', () => {
    isClosed = true;
  });
  await once(socket, 'connect');
  return {
    socket,
    get text() {
      return Buffer.concat(pieces).toString('latin1');
    },
    get isClosed() {
      return isClosed;
    },
    send: (...words) => socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`),
  };
}
