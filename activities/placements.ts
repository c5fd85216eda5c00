import { hostQueue } from '../model/operations.ts';
import type { Beside, OpenedPlacement, Placement } from '../model/placement.ts';
import type { ShardRef } from '../model/shard.ts';
import type { Dependencies } from './dependencies.ts';
import { currentJob } from './job-context.ts';
import { requireControl, requireFiles } from './parts.ts';

export const createPlacementActivities = (deps: Dependencies) => ({
  /** Which Redis is meant by the name of an instance alone. @throws RecoveryError `INPUT_INVALID` where it has several */
  async onlyShard({ instance }: { instance: string }): Promise<ShardRef> {
    const { shard } = await deps.instance(instance);
    return { instance, shard };
  },

  /**
   * Makes a part of a Redis be reached, and says on which queue. For a process nothing is opened: its worker is there, or is
   * waited for. Idempotent. @throws RecoveryError `PLATFORM_UNSUPPORTED`
   */
  async openPlacement({ at, readOnly = false }: { at: Placement; readOnly?: boolean }): Promise<OpenedPlacement> {
    const target = await deps.instance(at.instance, at.shard);
    if (at.part === 'control') return { queue: requireControl(target).queue, isOwn: false };
    return requireFiles(target).openPlacement({ readOnly, signal: currentJob().signal });
  },

  /** Returns when nobody is there any more who could change its files. Idempotent. */
  async closePlacement({ at }: { at: Placement<'files'> }): Promise<void> {
    await (await deps.instance(at.instance, at.shard)).files?.closePlacement();
  },

  /** The machine of the Redis, whose server surely reads its own data; else the one that is asked. */
  async openBeside({ instance }: { instance: string }): Promise<Beside> {
    const { control } = await deps.instance(instance);
    return { part: 'beside', queue: control?.queue ?? hostQueue(deps.host) };
  },
});
