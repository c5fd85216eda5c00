import { RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from './client.ts';

/**
 * Which of these commands a server does not have, by its own table: one that `rename-command` has taken is not in it.
 * Wants `+command|info`, which no job needs; works while it loads.
 * @returns undefined: it may not be asked
 */
export async function lackingCommands(client: RedisClient, names: readonly string[]): Promise<string[] | undefined> {
  try {
    const found = (await client.command('COMMAND', 'INFO', ...names)) as (unknown[] | null)[];
    return names.filter((_, index) => found[index] === null || found[index]?.length === 0);
  } catch (error) {
    const mayNot = error instanceof RecoveryError && ['REDIS_PERMISSION_DENIED', 'REDIS_REFUSED'].includes(error.code);
    if (mayNot) return undefined;
    throw error;
  }
}
