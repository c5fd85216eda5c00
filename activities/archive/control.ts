import type { Dependencies } from '../dependencies.ts';

export const createArchiverControl = (deps: Dependencies) => ({
  /** Makes the archiver let go of Redis, so that it takes no starting or half-restored server for a base. Waits until it has. */
  async detachArchiver({ instance, by }: { instance: string; by: string }): Promise<{ detached: boolean }> {
    const target = await deps.instance(instance);
    return { detached: target.archive !== undefined && (await deps.archiver.detach(instance, by)) };
  },

  /** Undo: lets the archiver come back, which waits by itself until Redis serves. Idempotent. */
  async attachArchiver({ instance, by }: { instance: string; by: string }): Promise<void> {
    await deps.archiver.attach(instance, by);
  },
});
