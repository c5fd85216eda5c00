import type { ShardRef } from '../../model/shard.ts';
import type { PlaceRights } from '../../model/worker-rights.ts';
import { deniedIn } from '../../platforms/data-directory.ts';
import { ownUser } from '../../platforms/host/users.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import type { Dependencies } from '../dependencies.ts';
import { requireControl, requireFiles } from '../parts.ts';

export const createExamineActivities = (deps: Dependencies) => ({
  /** As whom this worker runs, and would start Redis; asked by `check`. Read-only. */
  async examineControl(of: ShardRef): Promise<Omit<PlaceRights, 'denied'> & { layout: DataLayout }> {
    const control = requireControl(await deps.shard(of)).open();
    const [user, layout, startUser] = await Promise.all([ownUser(), control.dataLayout(), control.startUser()]);
    return { host: deps.host, user, startUser, layout };
  },

  /** What this worker may not do in the data directory. Read-only. */
  async examineFiles({ layout, ...of }: ShardRef & { layout: DataLayout }): Promise<Pick<PlaceRights, 'denied'>> {
    return { denied: await deniedIn(requireFiles(await deps.shard(of)).open(layout).layout) };
  },
});
