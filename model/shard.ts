import { RecoveryError } from './errors.ts';
import { formatList } from './format.ts';

/** Names one Redis of an instance. Outside Redis Cluster an instance has one. */
export interface ShardRef {
  instance: string;
  shard: string;
}

/** An instance, as far as its shards are concerned. */
interface Sharded<S> {
  name: string;
  shards: readonly S[];
}

/**
 * One shard of an instance.
 * @param id - undefined: nobody has named one, so there must be one only
 * @throws RecoveryError `INPUT_INVALID` that names those that there are
 */
export function theShard<S extends { id: string }>({ name, shards }: Sharded<S>, id: string | undefined): S {
  const [only, ...more] = shards;
  const found = id === undefined ? (more.length === 0 ? only : undefined) : shards.find((one) => one.id === id);
  if (found) return found;
  const ids = formatList(shards.map((one) => one.id));
  throw new RecoveryError('INPUT_INVALID', id === undefined ? `${name} has several shards` : `${name} has no shard "${id}"`, {
    next: `Name one of its shards: ${ids}.`,
  });
}

/** What people call a shard: `main`, or `main/1` where there are several. */
export const shardName = ({ instance, shard }: ShardRef, shards: number): string =>
  shards > 1 ? `${instance}/${shard}` : instance;
