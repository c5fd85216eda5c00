import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from '../../support/until.ts';

/** A replica that keeps all it gets, and acknowledges it. */
export interface Recording {
  /** The RDB that it began with. */
  base: Buffer;
  /** Offset of that: the stream goes on at the next byte. */
  offset: number;
  /** The bytes of the stream up to an offset, when they are here. */
  until(offset: number): Promise<Buffer>;
  close(): void;
}

export async function recordStream(port: number): Promise<Recording> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const received = new Received(socket);
  for (const request of ['PING', 'REPLCONF capa eof capa psync2', 'PSYNC ? -1']) {
    socket.write(`${request}\r\n`);
    await received.line(); // PSYNC is refused while an answer is outstanding
  }
  const [, offset] = /^\+FULLRESYNC \S+ (\d+)/.exec(received.last) ?? [];
  if (offset === undefined) throw new Error(`the Redis under test answered PSYNC with ${received.last}`);
  const base = await received.rdb(await received.line());
  const start = Number(offset);
  const acknowledge = () => {
    const text = `${start + received.length}`;
    socket.write(`*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$${text.length}\r\n${text}\r\n`);
  };
  const timer = setInterval(acknowledge, 100); // the stream comes only after the first one
  return {
    base,
    offset: start,
    async until(end) {
      await until(() => received.length >= end - start, { what: `the stream up to ${end}` });
      return received.bytes.subarray(0, end - start);
    },
    close() {
      clearInterval(timer);
      socket.destroy();
    },
  };
}

class Received {
  last = '';
  #chunks: Buffer[] = [];
  #total = 0;

  constructor(socket: Socket) {
    socket.on('error', () => undefined); // whoever waits sees that nothing comes
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#total += chunk.length;
    });
  }

  get length(): number {
    return this.#total;
  }

  get bytes(): Buffer {
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }

  /** The next line that is no keepalive. */
  async line(): Promise<string> {
    for (;;) {
      await until(() => this.bytes.includes(10), { what: 'a line of the Redis under test' });
      const line = this.#take(this.bytes.indexOf(10) + 1)
        .toString('latin1')
        .trim();
      if (line === '') continue;
      this.last = line;
      return line;
    }
  }

  async rdb(header: string): Promise<Buffer> {
    const [, mark, count] = /^\$(?:EOF:(.{40})|(\d+))$/.exec(header) ?? [];
    const find = (): number => (mark === undefined ? Number(count) : this.bytes.indexOf(mark, 0, 'latin1'));
    await until(() => find() >= 0 && this.#total >= find(), { what: 'the whole snapshot' });
    const rdb = this.#take(find());
    this.#take(mark?.length ?? 0);
    return rdb;
  }

  #take(count: number): Buffer {
    const { bytes } = this;
    this.#chunks = [bytes.subarray(count)];
    this.#total -= count;
    return bytes.subarray(0, count);
  }
}
