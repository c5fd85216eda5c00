import { createHash } from 'node:crypto';
import { DEFAULT_DATA_CLASSES, OTHER } from '../../model/data-class.ts';
import { openRedis, type RedisClient } from '../../redis/client/client.ts';

/** What a Redis holds, seen from outside: counts, and a digest of some of the values with their times to live. */
export interface Contents {
  keys: number;
  byClass: Record<string, number>;
  /** Of this many keys, every value and time to live. */
  sampled: number;
  digest: string;
}

const SAMPLE_EVERY = 50;

/** Reads it the way an application would. An empty Redis, or one that isn't there, holds nothing. */
export async function contentsOf(port: number): Promise<Contents> {
  const client = await openRedis({ host: '127.0.0.1', port });
  try {
    const keys = (await scan(client)).sort();
    const sample = keys.filter((_, at) => at % SAMPLE_EVERY === 0);
    const digest = createHash('sha256');
    for (const key of sample)
      digest.update(JSON.stringify([key, await readValue(client, key), await client.command('PEXPIRETIME', key)]));
    return { keys: keys.length, byClass: countByClass(keys), sampled: sample.length, digest: digest.digest('hex') };
  } finally {
    client.close();
  }
}

async function scan(client: RedisClient): Promise<string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const [next, keys] = (await client.command('SCAN', cursor, 'COUNT', '5000')) as [string, string[]];
    for (const key of keys) found.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...found];
}

/** A hash may give its fields back in another order: they are sorted. */
async function readValue(client: RedisClient, key: string): Promise<unknown> {
  const type = await client.command('TYPE', key);
  if (type === 'string') return client.command('GET', key);
  if (type === 'hash') return (await pairs(client, key)).sort();
  throw new Error(`the demo has no key of type ${type}`);
}

async function pairs(client: RedisClient, key: string): Promise<string[]> {
  const flat = (await client.command('HGETALL', key)) as string[];
  return flat.flatMap((field, at) => (at % 2 === 0 ? [`${field}=${flat[at + 1]}`] : []));
}

function countByClass(keys: string[]): Record<string, number> {
  const prefixes = DEFAULT_DATA_CLASSES.map(({ name, pattern }) => [name, pattern.slice(0, -1)] as const);
  const counts: Record<string, number> = Object.fromEntries([...prefixes.map(([name]) => [name, 0]), [OTHER, 0]]);
  for (const key of keys) {
    const name = prefixes.find(([, prefix]) => key.startsWith(prefix))?.[0] ?? OTHER;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
