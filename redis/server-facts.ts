import type { PersistencePolicy, ServerFacts } from '../model/backup/manifest.ts';
import type { RedisClient } from './client/client.ts';
import type { RedisInfo } from './client/info.ts';
import { ifKnown } from './client/renames.ts';

const CONFIG_GET = 'CONFIG GET';
const DEFAULT_DATABASES = 16;

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
  return policyOf(await client.configGet(...POLICY_NAMES));
}

function policyOf(values: Record<string, string>): PersistencePolicy {
  return Object.fromEntries(POLICY_NAMES.map((name) => [name, values[name] ?? ''])) as unknown as PersistencePolicy;
}

/**
 * Asks the server what it is. Needs `+info +config|get +module|list`; works while it loads. Where CONFIG is disabled or has a
 * name that nobody knows, its settings are those of redis.conf, or empty: `unasked` says so.
 */
export async function readServerFacts(client: RedisClient): Promise<ServerFacts> {
  const [info, settings, modules, policy] = await Promise.all([
    client.info(),
    ifKnown(client.configGet('databases', 'maxmemory', 'maxmemory-policy')),
    client.moduleList(),
    ifKnown(client.configGet(...POLICY_NAMES)),
  ]);
  return {
    ...productOf(info),
    runId: info.get('run_id') ?? '',
    role: info.get('role') === 'slave' ? 'slave' : 'master',
    usedMemoryBytes: info.number('used_memory') ?? 0,
    maxmemoryBytes: info.number('maxmemory') ?? Number(settings?.maxmemory ?? 0),
    maxmemoryPolicy: info.get('maxmemory_policy') ?? settings?.['maxmemory-policy'] ?? '',
    databases: Number(settings?.databases ?? Math.max(DEFAULT_DATABASES, ...info.keyspace().map(({ db }) => db + 1))),
    modules,
    replicas: info.replicas(),
    policy: policyOf(policy ?? {}),
    ...(client.unasked.has(CONFIG_GET) ? { unasked: { commands: [CONFIG_GET], from: 'redis.conf' } } : {}),
    ...(settings && policy ? {} : { unasked: { commands: [CONFIG_GET] } }),
  };
}

/** Valkey reports `redis_version:7.2.4` for old clients' sake, and what it is in fields of its own. */
export function productOf(info: RedisInfo): Pick<ServerFacts, 'product' | 'version'> {
  const valkey = info.get('valkey_version');
  if (valkey !== undefined || info.get('server_name') === 'valkey') return { product: 'valkey', version: valkey ?? '' };
  return { product: 'redis', version: info.get('redis_version') ?? '' };
}
