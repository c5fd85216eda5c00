import type { PlaceRights } from '../model/place-rights.ts';
import { deniedIn } from '../platforms/data-directory.ts';
import { ownUser } from '../platforms/process/start-user.ts';
import { requireProcess } from './places.ts';
import type { World } from './world.ts';

export const createExamineActivities = (world: World) => ({
  /** What this worker may do on its machine, asked by `check`. Read-only. */
  async examinePlace({ instance }: { instance: string }): Promise<PlaceRights> {
    const platform = requireProcess(await world.instance(instance)).open();
    const [user, denied, startUser] = await Promise.all([ownUser(), platform.dataLayout().then(deniedIn), platform.startUser()]);
    return { host: world.host, user, denied, startUser };
  },
});
