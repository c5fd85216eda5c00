import type { Config, InstanceShard } from '../config/config.ts';
import { type ResolvedShard, resolveShard } from '../config/resolve.ts';
import { withNamesOfConf } from '../model/renamed-commands.ts';
import type { ShardRef } from '../model/shard.ts';
import type { RedisConnection } from '../redis/client/connection.ts';
import { partsHere } from '../worker/parts.ts';

/** One Redis, and what its log calls commands by redis.conf, where that is here. Reads no secret. */
export async function withNamesHere(config: Config, shard: InstanceShard): Promise<InstanceShard> {
  const { control } = partsHere(config, shard);
  if (!shard.archive || !control?.isAtHand) return shard;
  return { ...shard, archive: await withNamesOfConf(shard.archive, () => control.open().confKnowledge()) };
}

/** One Redis as it is reached from here: on its own machine redis.conf tells what its commands are called. Holds secrets. */
export async function shardHere(
  config: Config,
  ref: ShardRef,
): Promise<Omit<ResolvedShard, 'connection'> & { connection: RedisConnection }> {
  const resolved = await resolveShard(config, ref);
  const { platform, connection } = resolved;
  const { control } = partsHere(config, { platform, redis: connection });
  if (!control?.isAtHand) return resolved;
  return Object.assign(resolved, { connection: Object.assign(connection, { conf: () => control.open().confKnowledge() }) });
}
