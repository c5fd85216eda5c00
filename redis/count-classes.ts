import { type DataClass, OTHER } from '../model/data-class.ts';
import { RecoveryError } from '../model/errors.ts';
import type { RedisClient } from './client.ts';
import { KeyClasses } from './rdb/key-classes.ts';

/** How many keys a server has of one class. */
export interface CountedClass {
  name: string;
  keys: number;
}

const SCAN_COUNT = '1000';

/**
 * Counts the keys of each data class, by SCAN over every database that has some. Changes nothing; the connection is used for
 * nothing else meanwhile, and ends in database 0. While others write, it is as near as SCAN is.
 * @returns in the order of the classes, `other` last
 */
export async function countClasses(
  client: RedisClient,
  classes: readonly DataClass[],
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (keys: number) => void } = {},
): Promise<CountedClass[]> {
  const known = new KeyClasses(classes);
  const counts = new Array<number>(classes.length + 1).fill(0);
  let all = 0;
  for (const { db } of await client.dbsizes()) {
    await client.command('SELECT', `${db}`);
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
      onProgress?.(all);
    } while (cursor !== '0');
  }
  await client.command('SELECT', '0');
  return [...classes.map(({ name }) => name), OTHER].map((name, index) => ({ name, keys: counts[index] ?? 0 }));
}
