import { type DataClass, OTHER } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { ClassKeys, DatabaseKeys } from '../../model/restore/rehearsal.ts';
import type { RedisClient } from '../client/client.ts';
import { KeyClasses } from '../rdb/key-classes.ts';
import type { KeyKinds } from '../rdb/key-kinds.ts';

const SCAN_COUNT = '1000';

export interface CountOptions {
  signal?: AbortSignal;
  onProgress?: (keys: number) => void;
  /** Where what their names begin with is noted, too. */
  kinds?: KeyKinds;
}

/**
 * Counts the keys of each data class over all databases. See `countDatabases`.
 * @returns in the order of the classes, `other` last
 */
export async function countClasses(
  client: RedisClient,
  classes: readonly DataClass[],
  options: CountOptions = {},
): Promise<ClassKeys[]> {
  const databases = await countDatabases(client, classes, options);
  return namesOf(classes).map((name, index) => ({
    name,
    keys: databases.reduce((sum, database) => sum + (database.classes[index]?.keys ?? 0), 0),
  }));
}

/**
 * Counts the keys of each data class, by SCAN over every database that has some. Changes nothing; the connection is used for
 * nothing else meanwhile, and ends in database 0. While others write, it is as near as SCAN is.
 */
export async function countDatabases(
  client: RedisClient,
  classes: readonly DataClass[],
  { signal, onProgress, kinds }: CountOptions = {},
): Promise<DatabaseKeys[]> {
  const known = new KeyClasses(classes, kinds);
  const found: DatabaseKeys[] = [];
  let before = 0;
  for (const { db } of await client.dbsizes()) {
    await client.command('SELECT', `${db}`);
    const seen = before;
    const counts = await countScanned(client, known, { signal, onProgress: (keys) => onProgress?.(seen + keys) });
    const keys = counts.reduce((sum, one) => sum + one, 0);
    found.push({ db, keys, classes: namesOf(classes).map((name, index) => ({ name, keys: counts[index] ?? 0 })) });
    before += keys;
  }
  await client.command('SELECT', '0');
  return found;
}

const namesOf = (classes: readonly DataClass[]): string[] => [...classes.map(({ name }) => name), OTHER];

/** Of the selected database, by class. */
async function countScanned(
  client: RedisClient,
  known: KeyClasses,
  { signal, onProgress }: { signal: AbortSignal | undefined; onProgress(keys: number): void },
): Promise<number[]> {
  const counts: number[] = [];
  let all = 0;
  let cursor = '0';
  do {
    signal?.throwIfAborted();
    const [reply] = await client.batch([['SCAN', cursor, 'COUNT', SCAN_COUNT]]);
    if (reply instanceof RecoveryError) throw reply;
    const [next, keys] = reply as [Buffer, Buffer[]];
    cursor = next.toString();
    for (const key of keys) {
      const here = Math.min(key.length, known.bytesNeeded);
      const index = known.classOf(key, 0, here, here === key.length);
      counts[index] = (counts[index] ?? 0) + 1;
    }
    all += keys.length;
    onProgress(all);
  } while (cursor !== '0');
  return counts;
}
