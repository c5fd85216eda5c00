import { openRedis } from './client/client.ts';
import type { RedisConnection } from './client/connection.ts';

/** How an instance is reached. */
export interface Reached {
  name: string;
  connection: RedisConnection;
}

const TIMEOUTS = { connectTimeoutMs: 2_000, commandTimeoutMs: 2_000 };
const LOOPBACK = ['localhost', '127.0.0.1', '::1'];

/**
 * Names of those that are reached at this very process, whatever the address: a run id is of one process. Who does not answer
 * is not known to be the same, unless by an address that is the same letter by letter. Read-only.
 */
export async function sameServers(runId: string, self: RedisConnection, others: readonly Reached[]): Promise<string[]> {
  const same = await Promise.all(
    others.map(async ({ connection }) => addressOf(connection) === addressOf(self) || (await runIdAt(connection)) === runId),
  );
  return others.filter((_, index) => same[index]).map(({ name }) => name);
}

/** Undefined: it does not answer, or not to us. */
export async function runIdAt(connection: RedisConnection): Promise<string | undefined> {
  try {
    using client = await openRedis(connection, TIMEOUTS);
    return (await client.info('server')).get('run_id');
  } catch {
    return undefined; // down, or not ours to ask: nothing is known of it
  }
}

const addressOf = ({ host, port, socketPath }: RedisConnection): string =>
  socketPath ?? `${LOOPBACK.includes(host) ? '127.0.0.1' : host}:${port}`;
