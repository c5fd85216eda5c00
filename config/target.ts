import { ANY_HOST, type Target } from '../model/deployment.ts';
import type { Config, InstanceConfig, RepositoryConfig } from './config.ts';

const LOOPBACK = ['localhost', '127.0.0.1', '::1'];

/**
 * Whom this configuration means by one of its instances; undefined for one that it does not have.
 * @param reader - `worker`: a machine that the file leaves open is its own; `command`: it may be run anywhere
 */
export function targetOf(config: Config, name: string, reader: 'worker' | 'command'): Target | undefined {
  const instance = Object.hasOwn(config.instances, name) ? config.instances[name] : undefined;
  if (!instance) return undefined;
  const { redis, platform } = instance;
  const isLocal = redis.socketPath !== undefined || LOOPBACK.includes(redis.host);
  const own = reader === 'worker' ? config.worker.host : ANY_HOST;
  const host = platform.type === 'process' ? (platform.hostIsNamed ? platform.host : own) : isLocal ? own : undefined;
  return {
    instance: name,
    ...(config.deployment === undefined ? {} : { deployment: config.deployment }),
    address: addressOf(redis),
    ...(host === undefined ? {} : { host }),
    ...(platform.type === 'process' ? { configFile: platform.configFile } : {}),
    repository: repositoryUrl(config.repository),
  };
}

const addressOf = ({ host, port, socketPath }: InstanceConfig['redis']): string => {
  if (socketPath !== undefined) return `unix:${socketPath}`;
  return `${LOOPBACK.includes(host) ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`;
};

const repositoryUrl = ({ url, endpoint }: RepositoryConfig): string =>
  decodeURIComponent(url).replace(/\/+$/, '') + (endpoint ? ` at ${endpoint}` : '');
