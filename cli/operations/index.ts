/** What needs the Temporal client, which takes a while to load: commands import this when they start something. */
export { askWithin } from './ask.ts';
export { followOperation } from './follow.ts';
export { newestRun } from './newest-run.ts';
export {
  startAofBackup,
  startArchive,
  startBackup,
  startMerge,
  startPlan,
  startRecovery,
  startRestore,
  startRetention,
  startWatch,
} from './start.ts';
export { statusOf } from './status.ts';
