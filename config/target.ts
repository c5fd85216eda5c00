import { ANY_HOST, type Target } from '../model/deployment.ts';
import type { Config, RepositoryConfig, ShardConfig } from './config.ts';

/** No space: identities of workers have one between two instances. */
const SEPARATOR = ',';
const LOOPBACK = ['localhost', '127.0.0.1', '::1'];

/**
 * Whom this configuration means by one of its instances; undefined for one that it does not have.
 * @param reader - `worker`: a machine that the file leaves open is its own; `command`: it may be run anywhere
 */
export function targetOf(config: Config, name: string, reader: 'worker' | 'command'): Target | undefined {
  const instance = Object.hasOwn(config.instances, name) ? config.instances[name] : undefined;
  if (!instance) return undefined;
  const own = reader === 'worker' ? config.worker.host : ANY_HOST;
  const shards = instance.shards.map((shard) => placeOf(shard, own));
  const host = together(shards.map((shard) => shard.host));
  const configFile = together(shards.map((shard) => shard.configFile));
  return {
    instance: name,
    ...(config.deployment === undefined ? {} : { deployment: config.deployment }),
    address: shards.map(({ address }) => address).join(SEPARATOR),
    ...(host === undefined ? {} : { host }),
    ...(configFile === undefined ? {} : { configFile }),
    repository: repositoryUrl(config.repository),
  };
}

/** What all shards have, once; else what each of them has. */
function together(values: readonly (string | undefined)[]): string | undefined {
  const known = [...new Set(values)].filter((value) => value !== undefined);
  return known.length > 0 ? known.join(SEPARATOR) : undefined;
}

/** @param own - the name of a machine that the file leaves open */
function placeOf({ redis, platform }: ShardConfig, own: string): Pick<Target, 'address' | 'host' | 'configFile'> {
  const isLocal = redis.socketPath !== undefined || LOOPBACK.includes(redis.host);
  const host = platform.type === 'process' ? (platform.hostIsNamed ? platform.host : own) : isLocal ? own : undefined;
  return {
    address: addressOf(redis),
    ...(host === undefined ? {} : { host }),
    ...(platform.type === 'process' ? { configFile: platform.configFile } : {}),
    ...(platform.type === 'kubernetes' ? { configFile: `${platform.namespace}/${platform.statefulSet}` } : {}),
  };
}

const addressOf = ({ host, port, socketPath }: ShardConfig['redis']): string => {
  if (socketPath !== undefined) return `unix:${socketPath}`;
  return `${LOOPBACK.includes(host) ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`;
};

const repositoryUrl = ({ url, endpoint }: RepositoryConfig): string =>
  decodeURIComponent(url).replace(/\/+$/, '') + (endpoint ? ` at ${endpoint}` : '');
