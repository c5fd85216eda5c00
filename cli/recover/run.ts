import type { WorkflowHandle } from '@temporalio/client';
import { ERRORS, RecoveryError } from '../../model/errors.ts';
import type { RecoveryInput, RecoveryResult } from '../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { assessmentText, reportText } from '../../model/recovery/text.ts';
import type { NamedShard } from '../../model/shard.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { isRefusedRun } from '../../worker/refused-run.ts';
import type { CommandContext } from '../command.ts';
import { askWithin, followOperation, newestRun, startRecovery } from '../operations/index.ts';
import type { RunningOperation } from '../operations/start.ts';
import type { TemporalSession } from '../temporal.ts';
import { requireAnswer } from './answered.ts';
import { Asker } from './asker.ts';
import { RecoveryPage } from './page.ts';

/** Starts a recovery, or joins the one that runs, and shows it to its end. */
export async function runRecovery(context: CommandContext, redis: NamedShard, input: RecoveryInput): Promise<number | undefined> {
  const session = await context.temporal();
  const running = await startRecovery(session, input);
  if (running.joined) context.output.note(`${running.workflowId} runs already: you see that one`);
  return show(context, session, running, redis, input);
}

/** Shows the recovery that runs, or that ran last. @throws RecoveryError `USAGE` when there is none */
export async function watchRecovery(context: CommandContext, redis: NamedShard, by: string): Promise<number | undefined> {
  const { instance, name } = redis;
  const session = await context.temporal();
  const workflowId = session.named(WORKFLOW_IDS.recover(name));
  const handle = await newestRecovery(session, workflowId, instance);
  if (!handle) {
    throw new RecoveryError('USAGE', `no recovery of ${name} has run`, {
      next: `Start one: redis-backup recover ${name}.`,
    });
  }
  return show(context, session, { handle, workflowId, joined: true }, redis, { by });
}

/** A run whose input was refused is none, however new it is: the one before it is what there is to be seen. */
async function newestRecovery(
  session: TemporalSession,
  workflowId: string,
  instance: string,
): Promise<WorkflowHandle | undefined> {
  const { workflow } = session.client;
  const handle = workflow.getHandle(workflowId);
  const newest = await newestRun(handle, session.targetOf(instance));
  if (!newest || !isRefusedRun(newest)) return newest && handle;
  for await (const run of workflow.list({ query: `WorkflowId = "${workflowId}"` }))
    if (run.runId !== newest.runId && !isRefusedRun(run)) return workflow.getHandle(workflowId, run.runId);
  return undefined;
}

async function show(
  context: CommandContext,
  session: TemporalSession,
  running: RunningOperation,
  redis: NamedShard,
  { by = '', dryRun }: Pick<RecoveryInput, 'by' | 'dryRun'>,
): Promise<number | undefined> {
  const { output, interrupt } = context;
  const over = new AbortController();
  const until = <T>(ask: () => Promise<T>) => session.connection.withAbortSignal(over.signal, ask);
  const answered = until(() => requireAnswer(running, session));
  const asker = new Asker(context, redis, by);
  const page = new RecoveryPage({ output, asker, workflowId: running.workflowId }, async () => {
    await answered; // Temporal keeps one question at a time for a worker
    return until(() => askWithin<RunbookStatus>(session, running.handle, 'status'));
  });
  const followed = followOperation<RecoveryResult>(running, {
    session,
    output: dryRun ? output : { ...output, status: (status) => page.show(status) },
    interrupt: AbortSignal.any([interrupt, over.signal]),
  });
  let result: RecoveryResult;
  try {
    result = await Promise.race([followed, answered.then(() => followed)]);
  } finally {
    asker.stop();
    over.abort();
    // The result comes last; and a call that is tried again on a closed connection would end the process.
    await Promise.allSettled([followed, answered, page.shown]);
  }
  return end(context, result);
}

function end({ output }: CommandContext, result: RecoveryResult): number | undefined {
  if (result.outcome === 'planned') {
    output.result(result, assessmentText(result.assessment));
    return undefined;
  }
  if (result.outcome === 'joined') {
    output.result(result, `joined: ${result.because}`);
    return undefined;
  }
  output.result(result, reportText(result));
  if (result.outcome === 'serving') return result.incomplete ? ERRORS.MERGE_INCOMPLETE.exit : undefined;
  return ERRORS[result.outcome === 'aborted' ? 'CANCELLED' : 'NOT_RECOVERED'].exit;
}
