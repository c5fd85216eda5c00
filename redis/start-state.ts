import { RecoveryError } from '../model/errors.ts';
import type { StartState } from '../model/restore/next-start.ts';
import type { RedisClient } from './client/client.ts';
import { productOf } from './server-facts.ts';

/**
 * What a server says of everything that a start decides: settings, users, modules. With secrets, so it is compared and let go.
 * @throws RecoveryError when it does not answer INFO, and of whatever is no refusal of one question
 */
export async function readStartState(client: RedisClient): Promise<StartState> {
  const server = productOf(await client.info('server'));
  const refused: string[] = [];
  const ask = async <T>(what: string, question: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof RecoveryError) || !REFUSALS.has(error.code)) throw error;
      refused.push(what);
      return undefined;
    }
  };
  const settings = await ask('CONFIG GET', async () => pairsOf((await client.command('CONFIG', 'GET', '*')) as string[]));
  const users = await ask('ACL LIST', async () => ((await client.command('ACL', 'LIST')) as unknown[]).map(String));
  const modules = await ask('MODULE LIST', () => client.moduleList());
  const functions = await functionsOf(client);
  return {
    server,
    ...(functions ? { functions } : {}),
    ...(settings ? { settings } : {}),
    ...(users ? { users } : {}),
    ...(modules ? { modules } : {}),
    refused,
  };
}

/** Redis 6.2 has none, and a user may not be allowed to ask: then a plan says nothing of them. */
async function functionsOf(client: RedisClient): Promise<string[] | undefined> {
  const libraries = (await client.command('FUNCTION', 'LIST').catch(() => undefined)) as unknown[][] | undefined;
  return libraries?.map((fields) => String(fields[fields.indexOf('library_name') + 1]));
}

/** The user may not, or the command has another name here. */
const REFUSALS = new Set<string>(['REDIS_PERMISSION_DENIED', 'REDIS_REFUSED']);

const pairsOf = (flat: readonly string[]): Record<string, string> =>
  Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : [])));
