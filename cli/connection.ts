import type { Config, InstanceConfig } from '../config/config.ts';
import { type ResolvedInstance, resolveInstance } from '../config/resolve.ts';
import { withNamesOfConf } from '../model/renamed-commands.ts';
import type { RedisConnection } from '../redis/client/connection.ts';
import { partsHere } from '../worker/parts.ts';

/** An instance, and what its log calls commands by redis.conf, where that is here. Reads no secret. */
export async function withNamesHere(config: Config, instance: InstanceConfig): Promise<InstanceConfig> {
  const { control } = partsHere(config, instance);
  if (!instance.archive || !control?.isAtHand) return instance;
  return { ...instance, archive: await withNamesOfConf(instance.archive, () => control.open().confKnowledge()) };
}

/** One instance as it is reached from here: on its own machine redis.conf tells what its commands are called. Holds secrets. */
export async function instanceHere(
  config: Config,
  name: string,
): Promise<Omit<ResolvedInstance, 'connection'> & { connection: RedisConnection }> {
  const resolved = await resolveInstance(config, name);
  const { platform, connection } = resolved;
  const { control } = partsHere(config, { platform, redis: connection });
  if (!control?.isAtHand) return resolved;
  return Object.assign(resolved, { connection: Object.assign(connection, { conf: () => control.open().confKnowledge() }) });
}
