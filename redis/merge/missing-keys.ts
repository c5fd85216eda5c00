import { OTHER } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import { tableGrowth } from '../../model/merge/free-memory.ts';
import type { RehearsedClass } from '../../model/merge/merge.ts';
import type { RedisClient } from '../client/client.ts';
import { type ClassedKey, type ScanClassesOptions, scanClasses } from '../keys/scan-classes.ts';

export interface MissingKeys {
  /** The wanted ones, in the order of the configuration. */
  classes: RehearsedClass[];
  /** Memory that the missing ones would take, tables included. */
  memoryBytes: number;
  /** What the log would grow by, at most. */
  logBytes: number;
}

export interface CompareOptions extends ScanClassesOptions {
  from: RedisClient;
  to: RedisClient;
  /** Default: each that `from` has keys in; `to` must have them. */
  databases?: readonly number[];
  onProgress?: (keys: number) => void;
}

/** What a command with its key takes in the log beside the value. */
const COMMAND_BYTES = 128;
/** What MEMORY USAGE leaves out of each key: an entry of the table of expiries, its slots while it grows, and what is rounded up. */
const UNSEEN_BYTES = 72;

/**
 * Compares the keys of a copy with those of a living Redis, and measures those that are missing, by MEMORY USAGE in the copy.
 * Changes nothing, and no lookup is counted. Both connections are used for nothing else meanwhile, and end in database 0.
 * @throws RecoveryError `REDIS_PERMISSION_DENIED` without `+memory|usage` and these keys
 */
export async function compareKeys(options: CompareOptions): Promise<MissingKeys> {
  const { from, to, classes, wanted, onProgress } = options;
  const found = [...classes.map(({ name }) => name), OTHER].map((name): RehearsedClass => ({ name, alive: 0, there: 0 }));
  const now = await to.dbsizes();
  let [seen, memoryBytes, logBytes] = [0, 0, 0];
  for (const db of options.databases ?? (await from.dbsizes()).map((one) => one.db)) {
    for (const client of [from, to]) await client.command('SELECT', `${db}`);
    let missingHere = 0;
    for await (const page of scanClasses(from, options)) {
      const missing = await missingOf(to, page);
      for (const { index } of page) (found[index] as RehearsedClass).alive += 1;
      for (const { index } of page.filter((key) => !missing.has(key))) (found[index] as RehearsedClass).there += 1;
      const sizes = await usageOf(from, [...missing], '0');
      for (const [at, { key }] of [...missing].entries()) {
        const bytes = sizes[at] ?? 0;
        memoryBytes += bytes + UNSEEN_BYTES;
        logBytes += bytes + key.length + COMMAND_BYTES;
      }
      missingHere += missing.size;
      seen += page.length;
      onProgress?.(seen);
    }
    memoryBytes += tableGrowth(now.find((one) => one.db === db)?.keys ?? 0, missingHere);
  }
  for (const client of [from, to]) await client.command('SELECT', '0');
  return { classes: found.filter(({ name }) => wanted === undefined || wanted.includes(name)), memoryBytes, logBytes };
}

async function missingOf(to: RedisClient, page: readonly ClassedKey[]): Promise<Set<ClassedKey>> {
  const sizes = await usageOf(to, page, '1');
  return new Set(page.filter((_, at) => sizes[at] === undefined));
}

/** Undefined for a key that is not there. Not by EXISTS, which counts as a lookup and disturbs the hit rate. */
async function usageOf(client: RedisClient, keys: readonly ClassedKey[], samples: string): Promise<(number | undefined)[]> {
  if (keys.length === 0) return [];
  const replies = await client.batch(keys.map(({ key }) => ['MEMORY', 'USAGE', key, 'SAMPLES', samples] as const));
  return replies.map((reply) => {
    if (reply instanceof RecoveryError) throw reply;
    return reply === null ? undefined : Number(reply);
  });
}
