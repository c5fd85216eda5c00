import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';

/** Redis waits for this trial, and its clients with it. */
const MIGRATE_MS = 200;
/** A value of our own: what Redis sends in the trial is nobody's session. It ends by itself, too. */
const PROBE_KEY = '__probe:redis-backup-reachable';
const PROBE_LIVES_MS = 5000;

export type Reachability =
  /** `from`: where Redis' connections come from, as the listener of the load will see them. */
  { isReachable: true; from: string } | { isReachable: false; why: string };

/**
 * Tries whether Redis can connect to this machine, without making it a replica: a listener here, and a MIGRATE of one key of
 * our own to it, which the listener turns away. The key stays or ends; nothing else changes. What counts is the connection that
 * came, because a proxy between them accepts anything.
 * Needs `+migrate +set +del ~__probe:*`.
 * @param host - this machine, as Redis sees it
 * @param port - where the load will listen; it must be free. 0 for any
 * @throws RecoveryError `REDIS_PERMISSION_DENIED`, `REDIS_REFUSED` (on a replica)
 */
export async function dryReachability(
  client: RedisClient,
  host: string,
  port: number,
  { listenHost }: { listenHost: string },
): Promise<Reachability> {
  const callers: string[] = [];
  const server = createServer((socket) => {
    callers.push((socket.remoteAddress ?? '').replace(/^::ffff:/i, ''));
    socket.on('error', () => undefined);
    socket.destroy();
  }).listen(port, listenHost);
  await once(server, 'listening').catch((cause: unknown) => {
    throw new RecoveryError('LIVE_FAILED', `the worker cannot listen on ${listenHost}:${port}`, {
      next: 'Choose a free port, and an address of this machine, for live restores.',
      cause,
    });
  });
  try {
    const answer = await migrate(client, host, (server.address() as AddressInfo).port);
    const [from] = callers;
    return from === undefined ? { isReachable: false, why: answer } : { isReachable: true, from };
  } finally {
    const closed = once(server, 'close');
    server.close();
    await closed; // the port is free for the listener of the load
  }
}

/** @returns what Redis says: always an IOERR, because nobody takes the key */
async function migrate(client: RedisClient, host: string, port: number): Promise<string> {
  await client.command('SET', PROBE_KEY, 'a trial of redis-backup', 'PX', `${PROBE_LIVES_MS}`);
  try {
    return String(await client.command('MIGRATE', host, `${port}`, PROBE_KEY, '0', `${MIGRATE_MS}`, 'COPY'));
  } catch (error) {
    const isTrial = error instanceof RecoveryError && /IOERR|Can't connect/i.test(error.message);
    if (!isTrial) throw error;
    return error.message;
  } finally {
    await client.command('DEL', PROBE_KEY);
  }
}
