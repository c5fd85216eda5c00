import { RecoveryError } from '../model/errors.ts';
import { hostQueue } from '../model/operations.ts';
import type { ProtectedInstance, World } from './world.ts';

/** Where something is done that is bound to one machine: workflows know its queue and not what it is. */
export interface Place {
  queue: string;
}

export const createPlaceActivities = (world: World) => ({
  /** The queue of the machine that an instance runs on. Nothing is opened for a process: its worker is there or is not. */
  async openPlace({ instance }: { instance: string }): Promise<Place> {
    return { queue: hostQueue(requireProcess(await world.instance(instance)).host) };
  },

  /** Of a live load: the machine of the Redis where a worker is there, else whichever worker is asked. */
  async openLivePlace({ instance }: { instance: string }): Promise<Place> {
    const { process } = await world.instance(instance);
    return { queue: hostQueue(process?.host ?? world.host) };
  },
});

/** @throws RecoveryError `PLATFORM_UNSUPPORTED` for an instance whose files and process we can't reach */
export function requireProcess(target: ProtectedInstance): NonNullable<ProtectedInstance['process']> {
  if (target.process) return target.process;
  throw new RecoveryError(
    'PLATFORM_UNSUPPORTED',
    `${target.name} is on platform external: it cannot be stopped, nor its files replaced`,
    {
      next: `Configure instances.${target.name}.platform as type process on the machine that Redis runs on.`,
    },
  );
}
