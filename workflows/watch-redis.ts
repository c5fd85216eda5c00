import { allHandlersFinished, condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import type { WatchInput } from '../model/watch/memory.ts';
import { CHECKS, checkInput } from './inputs.ts';
import {
  alarmUpdate,
  approveWatchUpdate,
  checkAlarm,
  checkDecision,
  declineUpdate,
  WATCH_MESSAGE_EXAMPLES,
  watchStatusQuery,
} from './watch/messages.ts';
import { Watcher } from './watch/watcher.ts';

/** The server takes 2,000 updates a run. */
const MOST_ALARMS = 1_000;

/**
 * Watches one Redis for ever, and starts `recoverRedis` when two sides say that it has failed for long enough: by itself, or
 * when a person approves. One recovery at a time, not again within the cool-down, and none when everything fails at once.
 */
export async function watchRedis(input: WatchInput): Promise<void> {
  checkInput('watchRedis', input, { instance: CHECKS.instance }, { shard: CHECKS.shard, memory: CHECKS.record });
  const watcher = new Watcher(input);
  let alarms = 0;
  const isOld = () => workflowInfo().continueAsNewSuggested || alarms >= MOST_ALARMS;
  setHandler(watchStatusQuery, () => watcher.status, { description: 'What it sees and does. Takes no argument.' });
  setHandler(
    alarmUpdate,
    async (alarm) => {
      alarms++;
      if (isOld()) watcher.leave(); // a stay may be an hour long
      return watcher.alarm(alarm);
    },
    {
      validator: checkAlarm,
      description: `Somebody says that it fails. JSON: ${WATCH_MESSAGE_EXAMPLES.alarm}`,
    },
  );
  setHandler(approveWatchUpdate, (decision) => watcher.approve(decision), {
    validator: (decision) => checkDecision('approve', decision, watcher.status.question),
    description: `Starts the recovery that is asked for. JSON: ${WATCH_MESSAGE_EXAMPLES.decision}`,
  });
  setHandler(declineUpdate, (decision) => watcher.decline(decision), {
    validator: (decision) => checkDecision('decline', decision, watcher.status.question),
    description: `Leaves it, until it has served again. JSON: ${WATCH_MESSAGE_EXAMPLES.decision}`,
  });
  while (!isOld()) await watcher.stay();
  await condition(allHandlersFinished);
  await continueAsNew<typeof watchRedis>({ ...input, memory: watcher.memory });
}
