import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { encodeCommand } from '../log/resp.ts';

/** Strangers who knock at the same time; the rest isn't even answered. */
export const MOST_CONNECTIONS = 32;
/** How long a TLS handshake may take. */
const HANDSHAKE_WITHIN_MS = 2000;

export const GETACK = encodeCommand(['REPLCONF', 'GETACK', '*']);
export const PING = encodeCommand(['PING']);

export interface PrimaryTls {
  /** PEM texts. Signed by a CA that the Redis to be loaded trusts. */
  cert: string;
  key: string;
  /** Who has signed the certificate that the follower must show. Absent: none is asked for. */
  ca?: string;
}

export function createListener(tls: PrimaryTls | undefined, greet: (socket: Socket) => void): Server {
  const server = tls
    ? createTlsServer({ ...tls, requestCert: tls.ca !== undefined, handshakeTimeout: HANDSHAKE_WITHIN_MS }, greet)
    : createServer(greet);
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}

/** In mid-load by a reset: what the kernel still holds would keep the follower loading. A socket under TLS knows no reset. */
export function disconnect(socket: Socket, inPeace: boolean): void {
  if (inPeace) socket.destroy();
  else socket.resetAndDestroy();
}
