import type { RehearsalOutcome } from '../../model/restore/rehearsal.ts';
import { removeThrowaways } from '../../platforms/throwaway/leftovers.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { rehearsalHome } from './rehearsal/home.ts';
import { type MemoryOf, type RehearseInput, rehearse } from './rehearsal/rehearse.ts';

export const createRehearsalActivities = (deps: Dependencies, memory?: MemoryOf) => ({
  /**
   * Loads base and log of a plan into a throw-away Redis, counts what came out and what each destructive moment took, and
   * keeps it as one RDB for the restore that follows. Touches nothing else. A retry ends what a dead attempt left running, and
   * begins anew. Where there is no room for it, no program, or too little memory in the middle of it, the outcome says so.
   * @throws RecoveryError `LOG_REFUSED`, and those of a backup or a log that is damaged
   */
  rehearse: (input: RehearseInput): Promise<RehearsalOutcome> => rehearse(deps, input, memory),

  /** Removes what a rehearsal has left, running or kept. Idempotent. */
  async discardRehearsal(_: { instance: string }): Promise<void> {
    await removeThrowaways(rehearsalHome(deps, currentJob().operationId));
  },
});
