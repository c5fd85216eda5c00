import type { LockHolder } from '../../model/lock.ts';
import type { Dependencies } from '../dependencies.ts';

export const createHolderActivities = (deps: Dependencies) => ({
  /** What an operation that holds the lock does at this moment, in one sentence; absent where that cannot be told. Read-only. */
  async observeHolder({ holder }: { instance: string; holder: LockHolder }): Promise<{ doing?: string }> {
    const doing = await deps.operations.doing(holder);
    return doing === undefined ? {} : { doing };
  },
});
