import { FUNCTIONS } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { RehearsedClass } from '../../model/merge/merge.ts';
import type { RedisClient } from '../client/client.ts';
import { isCommandMissing } from '../client/renames.ts';
import { productOf } from '../server-facts.ts';
import type { MergedClass } from './report.ts';

interface Library {
  name: string;
  code: Buffer;
}

/**
 * The names of the function libraries of a Redis; none before Redis 7.
 * @throws RecoveryError `REDIS_PERMISSION_DENIED` without `+function|list`; `REDIS_REFUSED` where FUNCTION is disabled
 */
export async function functionLibraries(client: RedisClient): Promise<string[]> {
  return (await libraries(client, [])).map(({ name }) => name);
}

/** How many libraries a copy has, and how many of them a living Redis has, too. Changes nothing. */
export async function compareFunctions({ from, to }: { from: RedisClient; to: RedisClient }): Promise<RehearsedClass> {
  const [wanted, there] = await Promise.all([functionLibraries(from), functionLibraries(to)]);
  return { name: FUNCTIONS, alive: wanted.length, there: wanted.filter((name) => there.includes(name)).length };
}

/** Loads the libraries that a living Redis lacks. One of the same name is newer, and stays. Safe to repeat. */
export async function mergeFunctions({ from, to }: { from: RedisClient; to: RedisClient }): Promise<MergedClass> {
  const [wanted, there] = await Promise.all([libraries(from, ['WITHCODE']), functionLibraries(to)]);
  const merged: MergedClass = { name: FUNCTIONS, restored: 0, kept: 0, expired: 0, failed: 0, reasons: [] };
  for (const { name, code } of wanted) {
    const error = there.includes(name) ? 'there' : await load(to, code);
    if (error === undefined) merged.restored += 1;
    else if (error === 'there') merged.kept += 1;
    else {
      merged.failed += 1;
      merged.reasons.push({ reason: `library ${name}: ${error.message}`, keys: 1 });
    }
  }
  return merged;
}

async function load(to: RedisClient, code: Buffer): Promise<RecoveryError | 'there' | undefined> {
  const [reply] = await to.batch([['FUNCTION', 'LOAD', code]]);
  if (!(reply instanceof RecoveryError)) return undefined;
  return /Library .*already exists/i.test(reply.message) ? 'there' : reply;
}

/** As bytes: what an application has written there need be no text. */
async function libraries(client: RedisClient, options: string[]): Promise<Library[]> {
  const [reply] = await client.batch([['FUNCTION', 'LIST', ...options]]);
  if (isCommandMissing(reply) && !(await hasFunctions(client))) return [];
  if (reply instanceof RecoveryError) throw reply;
  return (reply as (string | Buffer)[][]).map((fields) => {
    const of = (field: string) => fields[fields.findIndex((one) => String(one) === field) + 1] ?? '';
    return { name: String(of('library_name')), code: Buffer.from(of('library_code')) };
  });
}

/** Where it is unknown all the same, FUNCTION is disabled or has another name. */
async function hasFunctions(client: RedisClient): Promise<boolean> {
  const { product, version } = productOf(await client.info('server'));
  return product === 'valkey' || Number.parseInt(version, 10) >= 7;
}
