import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { RedisConnection } from '../../../redis/client/connection.ts';

export interface FakePrimary extends AsyncDisposable {
  connection: RedisConnection;
  /** What was asked, in order: `PSYNC ? -1`. */
  asked: string[];
}

/** Something that speaks like a Redis as far as the script says. `answer` gets each whole request and writes what it likes. */
export async function startFakePrimary(answer: (request: string, socket: Socket) => void): Promise<FakePrimary> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true); // each write is a packet: the client sees the pieces
    socket.on('error', () => undefined); // the client goes when it likes
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let request = takeRequest(text); request; request = takeRequest(text)) {
        text = request.rest;
        asked.push(request.words.join(' '));
        answer(request.words.join(' '), socket);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the fake primary has no port');
  return {
    connection: { host: '127.0.0.1', port: address.port },
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function takeRequest(text: string): { words: string[]; rest: string } | undefined {
  const lines = text.split('\r\n');
  const words = Number(/^\*(\d+)$/.exec(lines[0] ?? '')?.[1]);
  if (!(lines.length > 2 * words + 1)) return undefined;
  const found = Array.from({ length: words }, (_, index) => lines[2 * index + 2] ?? '');
  return { words: found, rest: lines.slice(2 * words + 1).join('\r\n') };
}

export const REPLID = '8c2f1e5a9d3b4c6e7f8091a2b3c4d5e6f7081920';

/** Answers the handshake as Redis does, and PSYNC with the given pieces, one write each. */
export const withSnapshot =
  (pieces: (string | Buffer)[], { end = true } = {}) =>
  (request: string, socket: Socket): void => {
    if (request.startsWith('REPLCONF ACK')) return;
    if (request.startsWith('PING')) socket.write('+PONG\r\n');
    else if (!request.startsWith('PSYNC')) socket.write('+OK\r\n');
    else void writeAll(socket, pieces, end);
  };

async function writeAll(socket: Socket, pieces: (string | Buffer)[], end: boolean): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise(setImmediate);
  }
  if (end) socket.end();
}
