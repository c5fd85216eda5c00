import { hasCode } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';

const SETTING = 'repl-ping-replica-period';
const REDIS_DEFAULT_SECONDS = 10;
/** Of periods without a byte: then the line is dead, and not only slow. */
const PERIODS = 2.5;

/** How often a replica hears at least something, and after how much silence its line is dead. */
export interface PingPeriod {
  ms: number;
  deadAfterMs: number;
}

/**
 * How often this Redis pings who follows it: also when nothing is written. Its own default where it may not be asked.
 * @see redis 7.0.15 src/replication.c, replicationCron
 */
export async function readPingPeriod(client: RedisClient): Promise<PingPeriod> {
  const { [SETTING]: seconds } = await client.configGet(SETTING).catch(unlessRefused);
  const ms = 1000 * (Number(seconds) || REDIS_DEFAULT_SECONDS);
  return { ms, deadAfterMs: PERIODS * ms };
}

function unlessRefused(error: unknown): Record<string, string> {
  if (hasCode(error, 'REDIS_PERMISSION_DENIED', 'REDIS_REFUSED')) return {};
  throw error;
}
