import { WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import type { ArchiveInput } from '../../model/archive/archiving.ts';
import { NO_SEARCH_ATTRIBUTES, TARGET } from '../../model/deployment.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { MergeInput } from '../../model/merge/merge.ts';
import {
  type AofBackupInput,
  type BackupInput,
  QUEUES,
  RECOVERY_TASK_TIMEOUT,
  type RestoreInput,
  type RetentionInput,
} from '../../model/operations.ts';
import type { RecoveryInput } from '../../model/recovery/recovery.ts';
import { type AskedShard, askedName } from '../../model/shard.ts';
import type { WatchInput } from '../../model/watch/memory.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { ensureSearchAttributes } from '../../worker/search-attributes.ts';
import type { TemporalSession } from '../temporal.ts';
import { newestRun } from './newest-run.ts';
import { requireOwnWorker } from './own-worker.ts';

/** An operation that runs in Temporal, whoever started it. */
export interface RunningOperation {
  handle: WorkflowHandle;
  workflowId: string;
  /** It ran before we came: its input is another one's. */
  joined: boolean;
}

interface OperationStart {
  type: string;
  workflowId: string;
  input: AskedShard;
  summary: string;
  /** How long a worker may think before another one is asked. Default 10 s. */
  taskTimeout?: typeof RECOVERY_TASK_TIMEOUT;
  /** Ended by Temporal after so long. Default: never. */
  endsWithinMs?: number;
  /** What to do when it runs already. */
  ifRunning: 'join' | 'refuse';
}

/** The same workflow, id, queue and input as `temporal workflow start` in README: whichever comes second joins. */
export const startBackup = (session: TemporalSession, input: BackupInput): Promise<RunningOperation> =>
  start(session, {
    type: 'backupSnapshot',
    workflowId: WORKFLOW_IDS.backup(input.instance),
    input,
    summary: `backup of ${input.instance}, by hand`,
    ifRunning: 'join',
  });

export const startAofBackup = (session: TemporalSession, input: AofBackupInput): Promise<RunningOperation> =>
  start(session, {
    type: 'backupAof',
    workflowId: WORKFLOW_IDS.backupAof(askedName(input)),
    input,
    summary: `copy of the log of ${askedName(input)}, by hand`,
    ifRunning: 'join',
  });

/** Never joins: the one that runs may restore another backup. @throws RecoveryError `LOCKED` */
export const startRestore = (session: TemporalSession, input: RestoreInput): Promise<RunningOperation> =>
  start(session, {
    type: restoreType(input),
    workflowId: WORKFLOW_IDS.restore(input.instance),
    input,
    summary: `restore of ${askedName(input)} ${source(input)}`,
    ifRunning: 'refuse',
  });

/** Reads and computes, changes nothing, so it stands beside whatever runs, under an id of its own. */
export const startPlan = (session: TemporalSession, input: RestoreInput): Promise<RunningOperation> =>
  start(session, {
    type: restoreType(input),
    workflowId: [WORKFLOW_IDS.plan(askedName(input)), ...whatIsPlanned(input)].join('/'),
    input: { ...input, planOnly: true } as RestoreInput,
    summary: `plan to restore ${askedName(input)} ${source(input)}`,
    ifRunning: 'join',
  });

/** Whoever asks the same joins; another strategy or consent is another plan. */
const whatIsPlanned = ({
  backupId,
  until,
  aofBackup,
  strategy,
  allowUnparsed,
  noRehearsal,
  acceptLoss,
  fromAnother,
  intoAnother,
  skipSafetySnapshot,
}: RestoreInput): string[] => [
  until ?? (aofBackup ? `aof/${aofBackup}` : (backupId ?? 'latest')),
  ...(strategy === 'live' ? ['live'] : []),
  ...(allowUnparsed ? ['unparsed'] : []),
  ...(noRehearsal ? ['unrehearsed'] : []),
  ...(fromAnother ? ['from-another'] : []),
  ...(intoAnother ? ['into-another'] : []),
  ...(skipSafetySnapshot ? ['unsaved'] : []),
  ...(acceptLoss === undefined ? [] : [`accepted-${acceptLoss}`]),
];

const restoreType = ({ until, aofBackup }: RestoreInput): string =>
  until === undefined && aofBackup === undefined ? 'restoreFromRdb' : 'restoreFromAof';
const source = ({ backupId, until, aofBackup }: Pick<RestoreInput, 'backupId' | 'until' | 'aofBackup'>): string => {
  if (aofBackup !== undefined) return `from AOF backup ${aofBackup}`;
  return until === undefined ? `from ${backupId}` : `from the log, until ${until}`;
};

/** A plan stands beside whatever runs, under an id of its own. @throws RecoveryError `LOCKED` */
export const startMerge = (session: TemporalSession, input: MergeInput): Promise<RunningOperation> => {
  const { instance, classes, until, backupId, acceptLoss, planOnly = false } = input;
  const what = `${classes.join(',')} of ${askedName(input)} ${source(input)}`;
  return start(session, {
    type: 'mergeFromBackup',
    workflowId: planOnly
      ? [
          WORKFLOW_IDS.plan(askedName(input)),
          classes.join(','),
          until ?? backupId,
          ...(acceptLoss ? [`accepted-${acceptLoss}`] : []),
        ].join('/')
      : WORKFLOW_IDS.restore(instance),
    input,
    summary: planOnly ? `plan to merge ${what}` : `merge of ${what}`,
    ifRunning: planOnly ? 'join' : 'refuse',
  });
};

/** Follows the instance for ever; a second one joins. */
export const startArchive = (session: TemporalSession, input: ArchiveInput): Promise<RunningOperation> =>
  start(session, {
    type: 'archiveContinuously',
    workflowId: WORKFLOW_IDS.archive(askedName(input)),
    input,
    summary: `continuous log of ${askedName(input)}`,
    ifRunning: 'join',
  });

/** Joins the one that runs: a second person wants the same. A dry run stands beside it. */
export const startRecovery = (session: TemporalSession, input: RecoveryInput): Promise<RunningOperation> =>
  start(session, {
    type: 'recoverRedis',
    workflowId: input.dryRun ? `${WORKFLOW_IDS.plan(askedName(input))}/recovery` : WORKFLOW_IDS.recover(askedName(input)),
    input,
    summary: `${input.dryRun ? 'what a recovery would do' : 'recovery'} of ${askedName(input)}${input.by ? `, by ${input.by}` : ''}`,
    taskTimeout: RECOVERY_TASK_TIMEOUT,
    ifRunning: 'join',
  });

/** Watches the instance for ever; a second one joins. */
export const startWatch = (session: TemporalSession, input: WatchInput): Promise<RunningOperation> =>
  start(session, {
    type: 'watchRedis',
    workflowId: WORKFLOW_IDS.watch(askedName(input)),
    input,
    summary: `watch of ${askedName(input)}`,
    ifRunning: 'join',
  });

/** Asks the worker at the place of an instance what it may do; ends unanswered after so long. */
export const startExamine = (session: TemporalSession, input: AskedShard, withinMs: number): Promise<RunningOperation> =>
  start(session, {
    type: 'examinePlace',
    workflowId: WORKFLOW_IDS.examine(askedName(input)),
    input,
    summary: `what the worker of ${askedName(input)} may do`,
    endsWithinMs: withinMs,
    ifRunning: 'join',
  });

/** Asks the workers of an instance what they would refuse as things stand; ends unanswered after so long. */
export const startForesee = (
  session: TemporalSession,
  input: AskedShard & { isManaged: boolean },
  withinMs: number,
): Promise<RunningOperation> =>
  start(session, {
    type: 'foreseeRefusals',
    workflowId: WORKFLOW_IDS.foresee(askedName(input)),
    input,
    summary: `what would be refused of ${askedName(input)}`,
    endsWithinMs: withinMs,
    ifRunning: 'join',
  });

/** Asks a worker what its own store says to it; ends unanswered after so long. */
export const startExamineStore = (
  session: TemporalSession,
  input: { instance: string },
  withinMs: number,
): Promise<RunningOperation> =>
  start(session, {
    type: 'examineStore',
    workflowId: WORKFLOW_IDS.examineStore(input.instance),
    input,
    summary: 'what the store says to its worker',
    endsWithinMs: withinMs,
    ifRunning: 'join',
  });

/** Never joins: the one that runs may be no dry run. @throws RecoveryError `LOCKED` */
export const startRetention = (session: TemporalSession, input: RetentionInput): Promise<RunningOperation> =>
  start(session, {
    type: 'applyRetention',
    workflowId: WORKFLOW_IDS.retention(input.instance),
    input,
    summary: `retention of ${input.instance}${input.dryRun ? ', dry run' : ''}`,
    ifRunning: 'refuse',
  });

async function start(session: TemporalSession, operation: OperationStart): Promise<RunningOperation> {
  const workflowId = session.named(operation.workflowId);
  const target = session.targetOf(operation.input.instance);
  const withoutAttributes = await lacksAttributes(session, operation);
  if (target) await requireOwnWorker(session, target);
  try {
    const handle = await session.client.workflow.start(operation.type, {
      workflowId,
      taskQueue: session.named(QUEUES.ops),
      memo: { ...(target ? { [TARGET]: target } : {}), ...(withoutAttributes ? { [NO_SEARCH_ATTRIBUTES]: true } : {}) },
      args: [operation.input],
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: operation.summary,
      ...(operation.endsWithinMs === undefined ? {} : { workflowExecutionTimeout: operation.endsWithinMs }),
      ...(operation.taskTimeout ? { workflowTaskTimeout: operation.taskTimeout } : {}),
    });
    return { handle, workflowId, joined: false };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const handle = session.client.workflow.getHandle(workflowId);
    await newestRun(handle, target);
    if (operation.ifRunning === 'join') return { handle, workflowId, joined: true };
    throw new RecoveryError('LOCKED', `${workflowId} is running already`, {
      next: `Follow it with \`${session.commandLine(`workflow result --workflow-id ${workflowId}`)}\`, or cancel it with \`${session.commandLine(`workflow cancel --workflow-id ${workflowId}`)}\`.`,
    });
  }
}

/** What Temporal has forgotten is registered before anything needs it. A recovery does without, where nobody may do that. */
async function lacksAttributes(session: TemporalSession, { type }: OperationStart): Promise<boolean> {
  try {
    await ensureSearchAttributes(session.connection, session.namespace);
    return false;
  } catch (error) {
    if (type === 'recoverRedis') return true;
    throw error;
  }
}
