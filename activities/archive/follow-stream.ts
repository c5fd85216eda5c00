import type { FollowResult } from '../../model/archiving.ts';
import { RecoveryError } from '../../model/errors.ts';
import { ONLY_SHARD } from '../../model/instance.ts';
import type { ArchiveSettings, ProtectedInstance, World } from '../world.ts';
import { attach } from './attach.ts';
import { Stay } from './stay.ts';

export const createFollowActivities = (world: World) => ({
  /**
   * Follows the stream of one Redis into immutable segments until an hour is over, the worker drains, or it is cancelled.
   * Acknowledges only what is stored. A retry goes on at the last stored byte, never at a heartbeat: whatever was not
   * stored, Redis still has. Two that run at once never both write: each offset is created once.
   * @throws RecoveryError `ARCHIVER_REPLACED`; those of Redis and of the store
   */
  async followStream({ instance }: { instance: string }): Promise<FollowResult> {
    const target = await world.instance(instance);
    const settings = requireArchive(target);
    const archive = await world.archive(instance, ONLY_SHARD);
    const attached = await attach(world, target, archive, ONLY_SHARD);
    try {
      return await new Stay(world, settings, archive, attached).run();
    } finally {
      attached.follower.close();
    }
  },
});

function requireArchive(target: ProtectedInstance): ArchiveSettings {
  if (target.archive) return target.archive;
  throw new RecoveryError('CONFIG_INVALID', `no continuous log is configured for ${target.name}`, {
    next: `Add \`archive: {}\` to instances.${target.name}, then restart the worker.`,
  });
}
