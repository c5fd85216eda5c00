import { setTimeout as sleep } from 'node:timers/promises';
import { checkServing } from '../../redis/health/serving.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { mayBeStopped } from '../watch/others.ts';

const EVERY_MS = 1000;
/** So many looks in a row: one may be a network that blinks. */
const LOOKS = 3;

/** A Redis that served and does not any more. */
export interface FailedAgain {
  /** When the first of the looks was. ISO 8601. */
  since: string;
  detail: string;
}

export interface WatchServingInput {
  instance: string;
  /** Of the process that the recovery has seen serve. Absent: the first that is seen. */
  runId?: string;
}

const ANOTHER = 'it was restarted, and serves as another process with what that has loaded';

export const createStillServesActivities = (deps: Dependencies) => ({
  /**
   * Watches a Redis that a recovery has brought back, until it fails or loads again, or serves as another process: a supervisor
   * may be quicker than the looks. Else until it is cancelled. What another operation does that holds the lock, such as a
   * restore, is no failure. Read-only; a retry begins anew.
   */
  async watchServing({ instance, runId }: WatchServingInput): Promise<FailedAgain> {
    const { signal, progress } = currentJob();
    const { connection } = await deps.instance(instance);
    let known = runId;
    for (let failed = 0, since = 0; ; ) {
      const look = await checkServing(connection);
      const { verdict, detail } = look;
      signal.throwIfAborted();
      progress({ stage: 'serving', note: `${verdict}: ${detail}` });
      if (look.verdict === 'serves' && look.runId !== undefined) {
        const isAnother = known !== undefined && look.runId !== known;
        if (isAnother && !(await isStopped(deps, instance)))
          return { since: new Date(deps.now()).toISOString(), detail: ANOTHER };
        known = look.runId;
      }
      const isGone = verdict === 'fails' || verdict === 'loading';
      if (isGone && failed === 0) since = deps.now();
      failed = isGone && !(await isStopped(deps, instance)) ? failed + 1 : 0;
      if (failed >= LOOKS) return { since: new Date(since).toISOString(), detail };
      await sleep(EVERY_MS, undefined, { signal });
    }
  },
});

/** Without Temporal nobody knows, and nothing could be started. */
const isStopped = (deps: Dependencies, instance: string): Promise<boolean> =>
  mayBeStopped(deps, instance, currentJob().operationId).then(
    (holder) => holder !== undefined,
    () => true,
  );
