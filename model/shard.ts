import { RecoveryError } from './errors.ts';
import { formatList } from './format.ts';

/** Names one Redis of an instance. Outside Redis Cluster an instance has one. */
export interface ShardRef {
  instance: string;
  shard: string;
}

/** One Redis, and what people call it. */
export interface NamedShard extends ShardRef {
  /** See `shardName`. */
  name: string;
}

/** Of whatever carries more: what an input of a step needs. */
export const shardIn = ({ instance, shard, name }: NamedShard): NamedShard => ({ instance, shard, name });

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
  const names = formatList(shards.map((one) => `${name}/${one.id}`));
  throw new RecoveryError('INPUT_INVALID', id === undefined ? `${name} has several shards` : `${name} has no shard "${id}"`, {
    next: `Name one of its shards: ${names}.`,
  });
}

/** What people call a shard: `main`, or `main/1` where there are several. */
export const shardName = ({ instance, shard }: ShardRef, shards: number): string =>
  shards > 1 ? `${instance}/${shard}` : instance;

/** What a person or a command asks for: the shard is named only where there are several. */
export interface AskedShard {
  instance: string;
  shard?: string;
}

export const askedFor = ({ instance, shard, name }: NamedShard): AskedShard =>
  name === instance ? { instance } : { instance, shard };

/** Of the whole input of an operation. */
export const askedIn = ({ instance, shard }: AskedShard): AskedShard =>
  shard === undefined ? { instance } : { instance, shard };

/** The `shardName` of what is asked for. */
export const askedName = ({ instance, shard }: AskedShard): string => (shard === undefined ? instance : `${instance}/${shard}`);
