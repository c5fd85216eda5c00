import type { SideView, WatchNews, WatchStay, WatchView } from '../../model/watch/watch.ts';
import { requireControl } from '../parts.ts';
import type { World } from '../world.ts';
import { failingOthers } from './others.ts';
import { lookAtOurs } from './ours.ts';
import { requireWatch, viewOf } from './view.ts';
import { Watch } from './watch.ts';
import { sideOf } from './witnesses.ts';

export const createWatchActivities = (world: World) => ({
  /**
   * Looks at one Redis again and again, until what the watcher believes of it is no longer true, the worker drains, or the
   * time is over. Only reads. A retry begins to count anew, so a failure is then seen later and never sooner.
   */
  async watchInstance(stay: WatchStay): Promise<WatchNews> {
    const target = await world.instance(stay.instance);
    return new Watch(world, target, requireWatch(target), stay).run();
  },

  /** Looks once, from here: for an alarm, and before something is decided. */
  async lookAtInstance({ instance, deadBefore }: { instance: string; deadBefore?: readonly string[] }): Promise<WatchView> {
    const target = await world.instance(instance);
    requireWatch(target);
    const look = await lookAtOurs(target);
    const others = look.verdict === 'fails' ? await failingOthers(world, instance, deadBefore) : undefined;
    return viewOf(world, target, look, others);
  },

  /** On the machine of the Redis: whether its process is there, and if so, whether it serves as seen from there. */
  async lookAtProcess({ instance }: { instance: string }): Promise<SideView> {
    const target = await world.instance(instance);
    const { running, name } = await requireControl(target).open().status();
    if (!running) return { verdict: 'fails', detail: `there is no process on ${world.host}` };
    const { verdict, detail } = sideOf(await lookAtOurs(target));
    return { verdict, detail: `${name} is there; asked on ${world.host}: ${detail}` };
  },
});
