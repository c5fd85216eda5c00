import { type DataClass, OTHER } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';
import { KeyClasses } from '../rdb/key-classes.ts';

export interface ScanClassesOptions {
  /** All that are configured: a key belongs to the first whose pattern matches. */
  classes: readonly DataClass[];
  /** Names of those that are scanned, `other` among them. Default: all keys. */
  wanted?: readonly string[];
  signal?: AbortSignal;
}

/** A key, and the index of its class. */
export interface ClassedKey {
  key: Buffer;
  index: number;
}

const SCAN_COUNT = '1000';

/** The keys of the wanted classes in the database that the connection is in, page by page; a page may be empty. */
export async function* scanClasses(from: RedisClient, options: ScanClassesOptions): AsyncGenerator<ClassedKey[]> {
  const { classes, wanted, signal } = options;
  const known = new KeyClasses(classes);
  const names = [...classes.map(({ name }) => name), OTHER];
  const isWanted = names.map((name) => wanted === undefined || wanted.includes(name));
  const [one, another] = classes.filter((_, index) => isWanted[index]);
  // One class: let Redis leave out the rest. Several patterns would take a scan each.
  const match = one && !another && !isWanted[known.other] ? ['MATCH', one.pattern] : [];
  let cursor = '0';
  do {
    signal?.throwIfAborted();
    const [reply] = await from.batch([['SCAN', cursor, ...match, 'COUNT', SCAN_COUNT]]);
    if (reply instanceof RecoveryError) throw reply;
    const [next, keys] = reply as [Buffer, Buffer[]];
    cursor = next.toString();
    const page: ClassedKey[] = [];
    for (const key of keys) {
      const here = Math.min(key.length, known.bytesNeeded);
      const index = known.classOf(key, 0, here, here === key.length);
      if (isWanted[index]) page.push({ key, index });
    }
    yield page;
  } while (cursor !== '0');
}
