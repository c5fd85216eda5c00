import { connect } from 'node:net';
import { endpointOf, type RedisConnection } from '../client/connection.ts';
import { errorOfConnection } from '../client/errors.ts';

/**
 * The address of this machine on the way to a Redis: most likely the one under which that Redis reaches us.
 * @throws RecoveryError `REDIS_UNREACHABLE`
 */
export async function ownAddressTowards(connection: RedisConnection, timeoutMs = 5_000): Promise<string> {
  if (connection.socketPath) return '127.0.0.1'; // a socket is of this machine
  const socket = connect({ ...endpointOf(connection), timeout: timeoutMs });
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('connect', () => resolve((socket.localAddress ?? '').replace(/^::ffff:/i, '')));
      socket.once('timeout', () => reject(new Error(`no connection within ${timeoutMs} ms`)));
      socket.once('error', reject);
    });
  } catch (error) {
    throw errorOfConnection(error, 'the connection', connection);
  } finally {
    socket.destroy();
  }
}
