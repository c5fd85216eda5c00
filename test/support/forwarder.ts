import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** A name that stays while what is behind it changes, as a DNS name or a virtual address does in a failover. */
export interface Forwarder extends AsyncDisposable {
  readonly port: number;
  /** Sends new connections there, and cuts those that are. */
  pointTo(port: number): void;
  cut(): void;
}

export async function startForwarder(): Promise<Forwarder> {
  let target = 0;
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer((client) => {
    const behind = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(from);
      pipeline(from, to).catch(() => {
        client.destroy();
        behind.destroy(); // whichever side has gone
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    pointTo(port) {
      target = port;
      cut();
    },
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
