import type { PersistencePolicy, ServerFacts } from '../model/manifest.ts';
import type { RedisClient } from './client.ts';
import type { RedisInfo } from './info.ts';

const POLICY_NAMES = [
  'save',
  'appendonly',
  'appendfsync',
  'dir',
  'dbfilename',
  'appenddirname',
  'appendfilename',
  'rdbcompression',
  'rdbchecksum',
] as const satisfies readonly (keyof PersistencePolicy)[];

/** What the server's settings say about what survives. A setting that it doesn't have (`appenddirname` before 7.0) is empty. */
export async function readPersistencePolicy(client: RedisClient): Promise<PersistencePolicy> {
  const values = await client.configGet(...POLICY_NAMES);
  return Object.fromEntries(POLICY_NAMES.map((name) => [name, values[name] ?? ''])) as unknown as PersistencePolicy;
}

/** Asks the server what it is. Needs `+info +config|get +module|list`; works while it loads. */
export async function readServerFacts(client: RedisClient): Promise<ServerFacts> {
  const [info, settings, modules, policy] = await Promise.all([
    client.info(),
    client.configGet('databases', 'maxmemory', 'maxmemory-policy'),
    client.moduleList(),
    readPersistencePolicy(client),
  ]);
  return {
    ...productOf(info),
    runId: info.get('run_id') ?? '',
    role: info.get('role') === 'slave' ? 'slave' : 'master',
    usedMemoryBytes: info.number('used_memory') ?? 0,
    maxmemoryBytes: Number(settings.maxmemory ?? info.number('maxmemory') ?? 0),
    maxmemoryPolicy: settings['maxmemory-policy'] ?? info.get('maxmemory_policy') ?? '',
    databases: Number(settings.databases ?? 16),
    modules,
    policy,
  };
}

/** Valkey reports `redis_version:7.2.4` for old clients' sake, and what it is in fields of its own. */
export function productOf(info: RedisInfo): Pick<ServerFacts, 'product' | 'version'> {
  const valkey = info.get('valkey_version');
  if (valkey !== undefined || info.get('server_name') === 'valkey') return { product: 'valkey', version: valkey ?? '' };
  return { product: 'redis', version: info.get('redis_version') ?? '' };
}
