import { RecoveryError } from '../../model/errors.ts';
import { unfinishedOf } from '../../model/left-behind.ts';
import type { ActInput } from '../../model/recovery.ts';
import { leftBehind, putBack, refuseBesideDirect } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { currentJob } from '../job-context.ts';
import { requireProcess } from '../places.ts';
import type { World } from '../world.ts';
import { endWithoutSave } from './ending.ts';

export const createPutBackDataActivities = (world: World) => ({
  /**
   * Puts back what operations have moved away that did not end, the newest first. A Redis that was started without it is ended,
   * and what it has written is kept. A retry goes on where the last attempt ended.
   * @throws RecoveryError `LOCKED` while a `restore --direct` is at work; `DATA_DIRECTORY` where an original is nowhere
   */
  async putBackUnfinished({ instance }: ActInput): Promise<{ operations: string[] }> {
    await world.requireLock(instance);
    const { progress } = currentJob();
    const target = await world.instance(instance);
    const platform = requireProcess(target).open();
    const layout = await platform.dataLayout();
    progress({ stage: 'put back', note: 'the data of an operation that did not end comes back' });
    await refuseBesideDirect(layout);
    await endWithoutSave(target, platform);
    if ((await platform.status()).running) throw cameBack(instance);
    return { operations: await putBackAll(layout) };
  },
});

/** Of every operation that is not over, but for `own`. Redis must be stopped, and nobody else at work. */
export async function putBackAll(layout: DataLayout, own?: string): Promise<string[]> {
  const unfinished = unfinishedOf(await leftBehind(layout))
    .filter(({ operationId }) => operationId !== own)
    .reverse();
  for (const { operationId } of unfinished) await putBack(layout, operationId);
  return unfinished.map(({ operationId }) => operationId);
}

const cameBack = (instance: string) =>
  new RecoveryError('STOP_FAILED', `something started ${instance} again before its data was put back`, {
    next: 'Stop the supervisor that does so, or configure its unit as platform.start.systemd.',
  });
