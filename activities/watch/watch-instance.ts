import type { ShardRef } from '../../model/shard.ts';
import type { WatchNews, WatchSession, WatchView, WitnessView } from '../../model/watch/watch.ts';
import type { Dependencies } from '../dependencies.ts';
import { requireControl } from '../parts.ts';
import { failingOthers } from './others.ts';
import { lookAtOurs } from './ours.ts';
import { requireWatch, viewOf } from './view.ts';
import { Watch } from './watch.ts';
import { witnessOf } from './witnesses.ts';

export const createWatchActivities = (deps: Dependencies) => ({
  /**
   * Looks at one Redis again and again, until what the watcher believes of it is no longer true, the worker drains, or the
   * time is over. Only reads. A retry begins to count anew, so a failure is then seen later and never sooner.
   */
  async watchInstance(stay: WatchSession): Promise<WatchNews> {
    const target = await deps.shard(stay);
    return new Watch(deps, target, requireWatch(target), stay).run();
  },

  /** Looks once, from here: for an alarm, and before something is decided. */
  async observeInstance({ deadBefore, ...of }: ShardRef & { deadBefore?: readonly string[] }): Promise<WatchView> {
    const target = await deps.shard(of);
    requireWatch(target);
    const look = await lookAtOurs(deps, target);
    const others = look.verdict === 'fails' ? await failingOthers(deps, of, deadBefore) : undefined;
    return viewOf(deps, target, look, others);
  },

  /** On the machine of the Redis: whether its process is there, and if so, whether it serves as seen from there. */
  async observeProcess(of: ShardRef): Promise<WitnessView> {
    const target = await deps.shard(of);
    const { running, name } = await requireControl(target).open().status();
    if (!running) return { verdict: 'fails', detail: `there is no process on ${deps.host}` };
    const { verdict, detail } = witnessOf(await lookAtOurs(deps, target));
    return { verdict, detail: `${name} is there; asked on ${deps.host}: ${detail}` };
  },
});
