import type { NamedShard } from '../../model/shard.ts';
import type { Dependencies } from '../dependencies.ts';

export const createArchiverControl = (deps: Dependencies) => ({
  /** Makes the archiver let go of Redis, so that it takes no starting or half-restored server for a base. Waits until it has. */
  async detachArchiver({ by, ...of }: NamedShard & { by: string }): Promise<{ detached: boolean }> {
    const target = await deps.shard(of);
    return { detached: target.archive !== undefined && (await deps.archiver.detach(of, by)) };
  },

  /** Undo: lets the archiver come back, which waits by itself until Redis serves. Idempotent. */
  async attachArchiver({ by, ...of }: NamedShard & { by: string }): Promise<void> {
    await deps.archiver.attach(of, by);
  },
});
