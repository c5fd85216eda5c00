import { RecoveryError } from '../../model/errors.ts';
import type { StoreView } from '../../model/store-view.ts';
import type { Dependencies } from '../dependencies.ts';

export const createExamineStoreActivities = (deps: Dependencies) => ({
  /** What this worker's own store says to it, asked by `check`. Writes a small object, and deletes it again. */
  async examineStore(_: { instance: string }): Promise<StoreView> {
    const { host } = deps;
    try {
      const repository = await deps.repository();
      const { url } = repository;
      return await repository.probeWritable().then(
        () => ({ host, url }),
        (error) => ({ host, url, problem: problemOf(error) }),
      );
    } catch (error) {
      return { host, url: 'its repository', problem: problemOf(error) };
    }
  },
});

function problemOf(error: unknown): NonNullable<StoreView['problem']> {
  if (!(error instanceof RecoveryError)) throw error;
  const { code, message, next } = error;
  return { code, message, next };
}
