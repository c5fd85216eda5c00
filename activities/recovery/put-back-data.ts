import { unfinishedOf } from '../../model/recovery/left-behind.ts';
import { leftBehind, putBack, refuseBesideDirect } from '../../platforms/data-directory.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireFiles } from '../parts.ts';
import type { InLayout } from './set-aside.ts';

export const createPutBackDataActivities = (deps: Dependencies) => ({
  /** Before a Redis is ended for its files. @throws RecoveryError `LOCKED` while a `restore --direct` is at work in them */
  async refuseBesideDirect({ layout, ...of }: InLayout): Promise<void> {
    await refuseBesideDirect(requireFiles(await deps.shard(of)).open(layout).layout);
  },

  /**
   * Puts back what operations have moved away that did not end, the newest first. What a Redis that was started without it has
   * written is kept. Redis must be stopped. A retry goes on where the last attempt ended.
   * @throws RecoveryError `DATA_DIRECTORY` where an original is nowhere
   */
  async putBackUnfinished({ layout, ...of }: InLayout): Promise<{ operations: string[] }> {
    await deps.requireLock(of.instance);
    currentJob().progress({ stage: 'put back', note: 'the data of an operation that did not end comes back' });
    return { operations: await putBackAll(requireFiles(await deps.shard(of)).open(layout).layout) };
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
