import { type DataClass, OTHER } from '../../model/data-class.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';
import { KeyClasses } from '../rdb/key-classes.ts';
import type { KeyKinds } from '../rdb/key-kinds.ts';

/** How many keys a server has of one class, as a sample tells. */
export interface SampledClass {
  name: string;
  /** The best guess. */
  keys: number;
  atLeast: number;
  atMost: number;
}

export interface ClassSample {
  /** In the order of the classes, `other` last. */
  classes: SampledClass[];
  /** The sample was all there is: the numbers are counts. */
  exact: boolean;
  keysLooked: number;
}

const SCAN_COUNT = '1000';
const CALLS = 20;
/** Bounds of three standard errors: wrong in one sample of 370. */
const Z = 3;

/**
 * Estimates the keys of each data class by a few SCAN calls: keys lie in the order of their hashes, so the first ones are a
 * sample of all. Some 20,000 keys are looked at, whatever the number. Changes nothing; ends in database 0.
 * @param calls - over all databases, at least two each
 * @param kinds - where what the names that are looked at begin with is noted, too
 */
export async function sampleClasses(
  client: RedisClient,
  classes: readonly DataClass[],
  { signal, calls = CALLS, kinds }: { signal?: AbortSignal; calls?: number; kinds?: KeyKinds } = {},
): Promise<ClassSample> {
  const known = new KeyClasses(classes, kinds);
  const expiredBefore = await expiredKeys(client);
  const names = [...classes.map(({ name }) => name), OTHER];
  const totals = names.map((name): SampledClass => ({ name, keys: 0, atLeast: 0, atMost: 0 }));
  const databases = await client.dbsizes();
  const all = databases.reduce((sum, { keys }) => sum + keys, 0);
  let exact = true;
  let keysLooked = 0;
  for (const { db, keys } of databases) {
    signal?.throwIfAborted();
    await client.command('SELECT', `${db}`);
    const found = await scan(client, known, Math.max(2, Math.round((calls * keys) / Math.max(1, all))), signal);
    exact &&= found.whole;
    keysLooked += found.looked;
    totals.forEach((total, index) => {
      const seen = found.counts[index] ?? 0;
      const part = found.whole ? { keys: seen, atLeast: seen, atMost: seen } : estimate(seen, found.looked, keys);
      total.keys += part.keys;
      total.atLeast += part.atLeast;
      total.atMost += part.atMost;
    });
  }
  await client.command('SELECT', '0');
  const expired = exact ? 0 : Math.max(0, (await expiredKeys(client)) - expiredBefore);
  return { classes: expired > 0 ? totals.map((one) => withoutExpired(one, keysLooked, expired)) : totals, exact, keysLooked };
}

/**
 * INFO still counts what has expired and was not deleted yet: much, when old data was loaded. SCAN deletes what it meets of it,
 * and tells by that how much there is; at most, since Redis deletes some by itself meanwhile.
 */
function withoutExpired({ name, keys, atLeast, atMost }: SampledClass, looked: number, expired: number): SampledClass {
  const share = looked / (looked + expired);
  return { name, keys: Math.round(keys * share), atLeast: Math.floor(atLeast * share), atMost };
}

const expiredKeys = async (client: RedisClient): Promise<number> => (await client.info('stats')).number('expired_keys') ?? 0;

async function scan(
  client: RedisClient,
  known: KeyClasses,
  calls: number,
  signal?: AbortSignal,
): Promise<{ counts: number[]; looked: number; whole: boolean }> {
  const counts = new Array<number>(known.other + 1).fill(0);
  let looked = 0;
  let cursor = '0';
  for (let call = 0; call < calls; call++) {
    signal?.throwIfAborted();
    const [reply] = await client.batch([['SCAN', cursor, 'COUNT', SCAN_COUNT]]);
    if (reply instanceof RecoveryError) throw reply;
    const [next, keys] = reply as [Buffer, Buffer[]];
    for (const key of keys) {
      const here = Math.min(key.length, known.bytesNeeded);
      const index = known.classOf(key, 0, here, here === key.length);
      counts[index] = (counts[index] ?? 0) + 1;
    }
    looked += keys.length;
    cursor = next.toString();
    if (cursor === '0') return { counts, looked, whole: true };
  }
  return { counts, looked, whole: false };
}

/** The interval of Wilson: it also says something of a class that the sample has none of. */
function estimate(seen: number, looked: number, all: number): Omit<SampledClass, 'name'> {
  if (looked === 0) return { keys: 0, atLeast: 0, atMost: all };
  const share = seen / looked;
  const middle = (share + (Z * Z) / (2 * looked)) / (1 + (Z * Z) / looked);
  const half = (Z / (1 + (Z * Z) / looked)) * Math.sqrt((share * (1 - share)) / looked + (Z * Z) / (4 * looked * looked));
  const atLeast = Math.max(seen, Math.floor((middle - half) * all));
  return { keys: Math.round(share * all), atLeast, atMost: Math.max(atLeast, Math.min(all, Math.ceil((middle + half) * all))) };
}
