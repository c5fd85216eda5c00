import { setTimeout as sleep } from 'node:timers/promises';
import type { ShardRef } from '../../model/shard.ts';
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

/** Another operation that holds the lock, such as a restore, has made it stop answering. */
export interface StoppedInOrder {
  /** Id of its workflow. */
  stoppedBy: string;
  /** ISO 8601. */
  since: string;
}

/** It answers again after that. */
export interface AnswersAnew {
  stoppedBy: string;
  /** When that was first seen. ISO 8601. */
  answersSince: string;
  runId: string;
}

export interface WatchServingInput extends ShardRef {
  /** Of the process that was seen to serve last. Absent: the first that is seen. */
  runId?: string;
  /** It is known to be stopped by this one. */
  stoppedBy?: string;
}

const ANOTHER = 'it was restarted, and serves as another process with what that has loaded';
/** Without Temporal nobody knows, and nothing could be started. */
const NOBODY_KNOWS = '';

export const createStillServesActivities = (deps: Dependencies) => ({
  /**
   * Watches a Redis that a recovery has brought back, until it fails or loads again, or serves as another process: a supervisor
   * may be quicker than the looks. Else until it is cancelled. What another operation does that holds the lock, such as a
   * restore, is no failure: that it stopped it, and that it answers anew, is news. Read-only; a retry begins anew.
   */
  async watchServing({ runId, stoppedBy, ...of }: WatchServingInput): Promise<FailedAgain | StoppedInOrder | AnswersAnew> {
    const { signal, progress } = currentJob();
    const { connection } = await deps.shard(of);
    const now = (): string => new Date(deps.now()).toISOString();
    let known = runId;
    for (let failed = 0, since = 0; ; ) {
      const look = await checkServing(connection);
      const { verdict, detail } = look;
      signal.throwIfAborted();
      progress({ stage: 'serving', note: `${verdict}: ${detail}` });
      if (look.verdict === 'serves' && look.runId !== undefined) {
        const isAnother = known !== undefined && look.runId !== known;
        const by = stoppedBy ?? (isAnother ? await stopperOf(deps, of.instance) : NOBODY_KNOWS);
        if (by === undefined) return { since: now(), detail: ANOTHER };
        if (by !== NOBODY_KNOWS) return { stoppedBy: by, answersSince: now(), runId: look.runId };
        known = look.runId;
      }
      const isGone = verdict === 'fails' || verdict === 'loading';
      if (isGone && failed === 0) since = deps.now();
      const by = isGone ? await stopperOf(deps, of.instance) : undefined;
      if (by && stoppedBy === undefined) return { stoppedBy: by, since: new Date(since).toISOString() };
      failed = isGone && by === undefined ? failed + 1 : 0;
      if (failed >= LOOKS) return { since: new Date(since).toISOString(), detail };
      await sleep(EVERY_MS, undefined, { signal });
    }
  },
});

/** The operation whose doing it is; undefined: none. */
const stopperOf = (deps: Dependencies, instance: string): Promise<string | undefined> =>
  mayBeStopped(deps, instance, currentJob().operationId).catch(() => NOBODY_KNOWS);
