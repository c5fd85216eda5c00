import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { RecoveryError } from '../../../model/errors.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { startRedis } from '../../support/redis-server.ts';

/** Words that ioredis has for its authors. */
const RAW =
  /queue state|report it|offlineQueue|writeable|Connection is closed|timed out|maxRetries|connection close$|Protocol error/i;

/** A server that does as it is told with whoever comes. */
async function played(meet: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    meet(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  return { connection, [Symbol.dispose]: () => server.close() };
}

const ask = async (connection: { host: string; port: number }, times = 1): Promise<RecoveryError> => {
  try {
    using client = await openRedis(connection, { connectTimeoutMs: 3_000, commandTimeoutMs: 300 });
    for (let n = 0; n < times; n++) {
      await client.command('PING');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } catch (error) {
    assert.ok(error instanceof RecoveryError);
    return error;
  }
  throw new Error('it was answered');
};

describe('What a client library says', () => {
  const CASES: [what: string, code: string, said: RegExp, meet: (socket: Socket) => void][] = [
    [
      'a refusal before anything was asked',
      'REDIS_NOT_READY',
      /takes no more connections/,
      (socket) => socket.end('-ERR max number of clients reached\r\n'),
    ],
    [
      'a connection that is closed',
      'REDIS_UNREACHABLE',
      /the connection was closed/,
      (socket) => socket.on('data', () => socket.end()),
    ],
    ['a silence', 'REDIS_UNREACHABLE', /no answer came in time/, () => undefined],
    [
      'an answer in another language',
      'REDIS_UNREACHABLE',
      /no answer of a Redis|the connection was closed/,
      (socket) => socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ],
    ['an answer to nothing', 'REDIS_UNREACHABLE', /no answer/, (socket) => socket.write('+OK\r\n')],
  ];
  for (const [what, code, said, meet] of CASES)
    it(`never reaches a person raw: ${what}`, async () => {
      using server = await played(meet);
      const error = await ask(server.connection, 3);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, said);
      assert.doesNotMatch(`${error.message} ${error.next}`, RAW);
    });

  it('never reaches a person raw: a Redis at its maxclients', async () => {
    await using redis = await startRedis();
    await redis.command('CONFIG', 'SET', 'maxclients', '1');
    using _ = await openRedis(redis.connection);
    const error = await ask(redis.connection);
    assert.match(error.message, /takes no more connections/);
    assert.doesNotMatch(`${error.message} ${error.next}`, RAW);
  });
});
