import type { Config, InstanceConfig } from '../config/config.ts';
import { type ResolvedInstance, resolveInstance } from '../config/resolve.ts';
import { withNamesOfConf } from '../model/renamed-commands.ts';
import { openProcessPlatform } from '../platforms/process/process-platform.ts';
import { ownEndpointOf, type RedisConnection } from '../redis/client/connection.ts';

/** An instance, and what its log calls commands by redis.conf, where that is here. Reads no secret. */
export async function withNamesHere(config: Config, instance: InstanceConfig): Promise<InstanceConfig> {
  const { archive, platform, redis } = instance;
  if (!archive || platform.type !== 'process' || platform.host !== config.worker.host) return instance;
  const own = ownEndpointOf(redis);
  return {
    ...instance,
    archive: await withNamesOfConf(archive, () => openProcessPlatform({ ...platform, ...own }).confKnowledge()),
  };
}

/** One instance as it is reached from here: on its own machine redis.conf tells what its commands are called. Holds secrets. */
export async function instanceHere(
  config: Config,
  name: string,
): Promise<Omit<ResolvedInstance, 'connection'> & { connection: RedisConnection }> {
  const resolved = await resolveInstance(config, name);
  const { platform, connection } = resolved;
  if (platform.type !== 'process' || platform.host !== config.worker.host) return resolved;
  const conf = () => openProcessPlatform({ ...platform, ...ownEndpointOf(connection) }).confKnowledge();
  return Object.assign(resolved, { connection: Object.assign(connection, { conf }) });
}
