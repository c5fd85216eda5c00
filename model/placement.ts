import type { ShardRef } from './shard.ts';

/** What is bound to a place: what runs a Redis, and its data directory. For a process both are its machine. */
export type Part = 'control' | 'files';

/** Names the place of a step. Where that is, is found out when it is used: what a dead run has left open, the next one opens again. */
export type Placement<P extends Part = Part> = { [K in P]: { instance: string; shard: string; part: K } }[P];

/**
 * Beside the Redis where a worker is there, else wherever a worker took it: for what needs a machine, and whose steps find what
 * the ones before have left.
 */
export interface Beside {
  part: 'beside';
  queue: string;
}

/** Where a placement is now. */
export interface OpenedPlacement {
  queue: string;
  /** It was made for this operation: if nobody comes there, another one is made. */
  isOwn: boolean;
}

export const controlOf = ({ instance, shard }: ShardRef): Placement<'control'> => ({ instance, shard, part: 'control' });
export const filesOf = ({ instance, shard }: ShardRef): Placement<'files'> => ({ instance, shard, part: 'files' });
