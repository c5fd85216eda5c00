import { appendFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { currentJob } from '../../../activities/job-context.ts';
import type { Undone } from '../../../model/lock.ts';
import { WORKFLOW_IDS } from '../../../model/workflow-ids.ts';
import { requireLock } from '../../../worker/fence.ts';

export interface StormEvent {
  what: 'begin' | 'end' | 'undo';
  instance: string;
  number: number;
  workflowId: string;
  /** Run that changes, or the run of the lock that undoes. */
  runId: string;
  atMs: number;
}

export interface ChangeArgs {
  instance: string;
  number: number;
  /** Nothing can undo it. */
  stuck?: boolean;
  /** It is undone, and Redis does not let us in. */
  refused?: boolean;
}

export type StormActivities = ReturnType<typeof createStormActivities>;

/** Changes that leave a trace in a file, so that nothing a killed worker did is forgotten. */
export function createStormActivities(file: string) {
  const trace = (what: StormEvent['what'], { instance, number }: ChangeArgs): void => {
    const { workflowId = '', runId = '' } = activityInfo().workflowExecution ?? {};
    const event: StormEvent = { what, instance, number, workflowId, runId, atMs: performance.timeOrigin + performance.now() };
    appendFileSync(file, `${JSON.stringify(event)}\n`);
  };
  return {
    /** Takes 50 to 400 ms and stops when it is told that its operation is over. */
    async change(args: ChangeArgs): Promise<void> {
      await requireLock(args.instance);
      trace('begin', args);
      await after(50 + Math.random() * 350, undefined, { signal: currentJob().signal }).catch(() => undefined);
      trace('end', args);
    },
    async putBackRdbCompression(args: ChangeArgs): Promise<Undone> {
      await requireLock(args.instance);
      if (activityInfo().workflowExecution?.workflowId !== WORKFLOW_IDS.lock(args.instance)) throw new Error('not the lock');
      if (args.stuck) throw ApplicationFailure.nonRetryable('it is stuck');
      trace('undo', args);
      return args.refused ? { remains: { code: 'PUT_BACK', because: 'WRONGPASS', next: 'Correct the password.' } } : {};
    },
  };
}
