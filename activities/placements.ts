import { hostQueue } from '../model/operations.ts';
import type { Beside, OpenedPlacement, Placement } from '../model/placement.ts';
import { type AskedShard, type NamedShard, type ShardRef, shardIn, theShard } from '../model/shard.ts';
import type { Dependencies } from './dependencies.ts';
import { currentJob } from './job-context.ts';
import { requireControl, requireFiles } from './parts.ts';

export const createPlacementActivities = (deps: Dependencies) => ({
  /** Which Redis is meant. @param shard - absent: the only one @throws RecoveryError `INPUT_INVALID` with those that there are */
  async whichShard({ instance, shard }: AskedShard): Promise<NamedShard> {
    const { shards } = await deps.instance(instance);
    return shardIn(theShard({ name: instance, shards: shards.map((one) => ({ id: one.shard, ...one })) }, shard));
  },

  /** Every Redis of an instance. */
  async listShards({ instance }: { instance: string }): Promise<NamedShard[]> {
    return (await deps.instance(instance)).shards;
  },

  /**
   * Makes a part of a Redis be reached, and says on which queue. For a process nothing is opened: its worker is there, or is
   * waited for. Idempotent. @throws RecoveryError `PLATFORM_UNSUPPORTED`
   */
  async openPlacement({ at, readOnly = false }: { at: Placement; readOnly?: boolean }): Promise<OpenedPlacement> {
    const target = await deps.shard(at);
    if (at.part === 'control') return { queue: requireControl(target).queue, isOwn: false };
    return requireFiles(target).openPlacement({ readOnly, signal: currentJob().signal });
  },

  /** Returns when nobody is there any more who could change its files. Idempotent. */
  async closePlacement({ at }: { at: Placement<'files'> }): Promise<void> {
    await (await deps.shard(at)).files?.closePlacement();
  },

  /** The machine of the Redis, whose server surely reads its own data; else the one that is asked. */
  async openBeside(of: ShardRef): Promise<Beside> {
    const { control } = await deps.shard(of);
    return { part: 'beside', queue: control?.queue ?? hostQueue(deps.host) };
  },
});
