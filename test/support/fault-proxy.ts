import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes to the server, and what comes back. */
export type Direction = 'request' | 'response';

export interface SeenRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingMessage['headers'];
}

/** What a client gets. Header names in small letters. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What a load balancer, a captive portal or a wrong server answers to everything. */
export const PAGE: Reply = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<html><body>maintenance</body></html>',
};

/** Which requests a fault hits, and how many of them. Over plain TCP every connection counts as one. */
export interface When {
  /** Default: every one. */
  if?: (request: SeenRequest) => boolean;
  /** Default: one. */
  times?: number;
}

export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
  /** Every request that came, in order; HTTP only. */
  readonly requests: readonly SeenRequest[];
  /** How many faults have really come about: one that waits for a byte that never passes has not. */
  readonly faultsDone: number;
  /** Answers with this status in place of the server; HTTP only. */
  answer(status: number, code: string, when?: When): void;
  /** Answers with this in place of the server, such as a page; HTTP only. */
  answerWith(reply: Reply, when?: When): void;
  /** Changes what the server has answered; HTTP only. */
  alter(change: (reply: Reply, request: SeenRequest) => Reply, when?: When): void;
  /** Forwards the request and drops the answer: the client never learns that it was done. HTTP only. */
  loseAnswer(when?: When): void;
  /** Cuts the connection after so many bytes of the body (TCP: of the stream). */
  cutAfter(bytes: number, direction: Direction, when?: When): void;
  /** Flips the lowest bit of the byte at this offset of the body (TCP: of the stream). */
  flipAt(offset: number, direction: Direction, when?: When): void;
  /** Lets nothing through any more after so many bytes; the connection stays open. */
  stallAfter(bytes: number, direction: Direction, when?: When): void;
  /** Bytes per second of each connection, each way; undefined: as fast as it goes. */
  limit(bytesPerSecond: number | undefined): void;
  /** Closes the port and every connection, as if the machine was gone. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

type Fault = { left: number; when: (request: SeenRequest) => boolean } & (
  | { kind: 'answer'; reply: Reply }
  | { kind: 'alter'; change: (reply: Reply, request: SeenRequest) => Reply }
  | { kind: 'loseAnswer' }
  | { kind: 'cut' | 'flip' | 'stall'; at: number; direction: Direction }
);

const ANY_CONNECTION: SeenRequest = { method: 'CONNECT', url: '', headers: {} };

/** Stands on a free loopback port in front of an HTTP server on another, such as S3. */
export const startHttpFaultProxy = (port: number): Promise<FaultProxy> => start(port, 'http');

/** Stands in front of any TCP server, such as Redis. */
export const startTcpFaultProxy = (port: number): Promise<FaultProxy> => start(port, 'tcp');

async function start(target: number, mode: 'http' | 'tcp'): Promise<FaultProxy> {
  const faults = new Faults();
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const listen = async (port: number): Promise<Server | ReturnType<typeof createTcpServer>> => {
    const server =
      mode === 'http'
        ? createServer((from, to) => void forward(from, to, target, faults, requests))
        : createTcpServer((client) => tunnel(client, target, faults));
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined); // a cut connection is what we are for
      socket.on('close', () => sockets.delete(socket));
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  let server: Awaited<ReturnType<typeof listen>> | undefined = await listen(0);
  const { port } = server.address() as AddressInfo;
  const goAway = async () => {
    const closing = server;
    server = undefined;
    if (!closing) return;
    const closed = once(closing, 'close');
    closing.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    get faultsDone() {
      return faults.done;
    },
    answer: (status, code, when) => faults.add({ kind: 'answer', reply: s3Error(status, code) }, when),
    answerWith: (reply, when) => faults.add({ kind: 'answer', reply }, when),
    alter: (change, when) => faults.add({ kind: 'alter', change }, when),
    loseAnswer: (when) => faults.add({ kind: 'loseAnswer' }, when),
    cutAfter: (at, direction, when) => faults.add({ kind: 'cut', at, direction }, when),
    flipAt: (at, direction, when) => faults.add({ kind: 'flip', at, direction }, when),
    stallAfter: (at, direction, when) => faults.add({ kind: 'stall', at, direction }, when),
    limit: (bytesPerSecond) => {
      faults.bytesPerSecond = bytesPerSecond;
    },
    goAway,
    comeBack: async () => {
      server ??= await listen(port);
    },
    stop: goAway,
    [Symbol.asyncDispose]: goAway,
  };
}

class Faults {
  bytesPerSecond: number | undefined;
  done = 0;
  readonly #faults: Fault[] = [];

  add(fault: Record<string, unknown> & { kind: Fault['kind'] }, { if: when = () => true, times = 1 }: When = {}): void {
    this.#faults.push({ ...fault, left: times, when } as Fault);
  }

  /** The faults that hit this request; each is used up by one. */
  of(seen: SeenRequest): Fault[] {
    const hit = this.#faults.filter((fault) => fault.left > 0 && fault.when(seen));
    for (const fault of hit) fault.left--;
    return hit;
  }

  /** A stage that does to one direction what the faults say. */
  stage(hit: Fault[], direction: Direction): Transform {
    const here = hit.flatMap((fault) => ('direction' in fault && fault.direction === direction ? [fault] : []));
    return here.length === 0 && this.bytesPerSecond === undefined ? new PassThrough() : new Damage(here, this);
  }
}

class Damage extends Transform {
  #seen = 0;
  readonly #faults: { kind: string; at: number }[];
  readonly #all: Faults;

  constructor(faults: { kind: string; at: number }[], all: Faults) {
    super();
    this.#faults = faults;
    this.#all = all;
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error | null, data?: Buffer) => void): void {
    this.#damaged(Buffer.from(chunk)).then((data) => data && done(null, data), done);
  }

  /** Undefined: stalled, for good. */
  async #damaged(chunk: Buffer): Promise<Buffer | undefined> {
    const from = this.#seen;
    this.#seen += chunk.length;
    const rate = this.#all.bytesPerSecond;
    if (rate !== undefined) await sleep((chunk.length / rate) * 1000);
    for (const { kind, at } of this.#faults) {
      const here = at - from;
      if (here >= chunk.length || (kind === 'flip' && here < 0)) continue;
      this.#all.done++;
      if (kind === 'flip') {
        chunk[here] = (chunk[here] ?? 0) ^ 1;
        continue;
      }
      this.push(chunk.subarray(0, Math.max(0, here)));
      if (kind === 'stall') return undefined;
      await sleep(20); // what goes before the cut is to arrive
      throw new Error('cut by the fault proxy');
    }
    return chunk;
  }
}

async function forward(
  from: IncomingMessage,
  to: ServerResponse,
  port: number,
  faults: Faults,
  requests: SeenRequest[],
): Promise<void> {
  const { socket } = from; // a request that was destroyed has none any more
  const seen = { method: from.method ?? '', url: from.url ?? '', headers: from.headers };
  requests.push(seen);
  const hit = faults.of(seen);
  const answer = hit.find((fault) => fault.kind === 'answer');
  if (answer) {
    faults.done++;
    for await (const _ of from); // read first: a client that still sends would see a reset, and not the answer
    send(to, answer.reply);
    return;
  }
  try {
    // The Host header goes on as it came: the signature covers it.
    const onward = request({
      host: '127.0.0.1',
      port,
      method: seen.method,
      path: seen.url,
      headers: from.headers,
      agent: NO_KEEP_ALIVE,
    });
    const answered = once(onward, 'response') as Promise<[IncomingMessage]>;
    answered.catch(() => undefined);
    await pipeline(from, faults.stage(hit, 'request'), onward);
    const [back] = await answered;
    if (hit.some(({ kind }) => kind === 'loseAnswer')) {
      faults.done++;
      for await (const _ of back);
      throw new Error('answer lost');
    }
    const altering = hit.flatMap((fault) => (fault.kind === 'alter' ? [fault.change] : []));
    if (altering.length > 0) {
      faults.done++;
      send(
        to,
        altering.reduce((reply, change) => change(reply, seen), await replyOf(back)),
      );
      return;
    }
    to.writeHead(back.statusCode ?? 502, back.headers);
    await pipeline(back, faults.stage(hit, 'response'), to);
  } catch {
    socket.destroy(); // cut, on either side: the client must see what a broken network looks like
  }
}

const s3Error = (status: number, code: string): Reply => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>by the fault proxy</Message></Error>`,
});

async function replyOf(back: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of back) chunks.push(chunk);
  return {
    status: back.statusCode ?? 502,
    headers: back.headers as Record<string, string>,
    body: Buffer.concat(chunks).toString('latin1'),
  };
}

function send(to: ServerResponse, { status, headers, body }: Reply): void {
  const bytes = Buffer.from(body, 'latin1');
  const length = to.req.method === 'HEAD' ? headers['content-length'] : `${bytes.length}`;
  to.writeHead(status, { ...headers, ...(length === undefined ? {} : { 'content-length': length }), connection: 'close' });
  to.end(to.req.method === 'HEAD' ? undefined : bytes);
}

const NO_KEEP_ALIVE = new Agent({ keepAlive: false });

function tunnel(client: Socket, port: number, faults: Faults): void {
  const hit = faults.of(ANY_CONNECTION);
  const server = connect(port, '127.0.0.1');
  const end = () => {
    client.destroy();
    server.destroy();
  };
  pipeline(client, faults.stage(hit, 'request'), server).catch(end);
  pipeline(server, faults.stage(hit, 'response'), client).catch(end);
}
