import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Where to write: a Redis on a plain port; `db` is selected first. */
export interface Target {
  host?: string;
  port: number;
  db?: number;
  password?: string;
}

export type Command = readonly (string | Buffer | number)[];

const BATCH_BYTES = 256 * 1024;
const LAST_WORDS = 'every-command-was-answered';

/** Sends commands without waiting for each answer, as fast as Redis reads them. Any error reply fails it. */
export async function pipeline(
  { host = '127.0.0.1', port, db = 0, password }: Target,
  commands: Iterable<Command>,
): Promise<void> {
  const socket = connect(port, host);
  const answered = untilAnswered(socket);
  const first: Command[] = password === undefined ? [['SELECT', db]] : [['AUTH', password], ['SELECT', db]]; // biome-ignore format: one line each way
  try {
    await Promise.race([once(socket, 'connect'), answered]);
    for (const batch of batches(first, commands)) {
      if (!socket.write(batch)) await Promise.race([once(socket, 'drain'), answered]);
    }
    await answered;
  } finally {
    socket.destroy();
  }
}

/** The last command is an ECHO. What is answered before it is only looked at for errors. */
function untilAnswered(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let last = '';
  socket.on('data', (chunk) => {
    const text = last + chunk.toString('latin1');
    const [, error] = /(?:^|\n)-([A-Z][^\r]*)\r\n/.exec(text) ?? [];
    if (error !== undefined) reject(new Error(`the Redis under test says: ${error}`));
    if (text.includes(LAST_WORDS)) resolve();
    last = text.slice(-1000); // an error message, or the last words, may be cut
  });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the Redis under test closed the connection')));
  promise.catch(() => {}); // whoever awaits it gets the error
  return promise;
}

function* batches(first: readonly Command[], commands: Iterable<Command>): Generator<Buffer> {
  let batch = first.map(encode).join('');
  for (const command of commands) {
    batch += encode(command);
    if (batch.length < BATCH_BYTES) continue;
    yield Buffer.from(batch, 'latin1');
    batch = '';
  }
  yield Buffer.from(batch + encode(['ECHO', LAST_WORDS]), 'latin1');
}

/** RESP, as text of which each character is one byte. */
function encode(command: Command): string {
  let text = `*${command.length}\r\n`;
  for (const argument of command) {
    const bytes = Buffer.isBuffer(argument) ? argument.toString('latin1') : asBytes(String(argument));
    text += `$${bytes.length}\r\n${bytes}\r\n`;
  }
  return text;
}

const asBytes = (text: string): string => (Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1'));
