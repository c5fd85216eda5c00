import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { ERRORS, RecoveryError } from '../../model/errors.ts';
import { WORKFLOW_IDS } from '../../model/operations.ts';
import type { RecoveryInput, RecoveryResult } from '../../model/recovery.ts';
import { assessmentText, reportText, runbookText } from '../../model/recovery-text.ts';
import type { Question, RunbookStatus } from '../../model/runbook.ts';
import type { CommandContext } from '../command.ts';
import { follow, newestRun, startRecovery, statusOf } from '../operations/index.ts';
import type { RunningOperation } from '../operations/start.ts';
import type { TemporalSession } from '../temporal.ts';
import { controlRecovery } from './control.ts';

/** Starts a recovery, or joins the one that runs, and shows it to its end. */
export async function runRecovery(context: CommandContext, input: RecoveryInput): Promise<number | undefined> {
  const session = await context.temporal();
  const running = await startRecovery(session, input);
  if (running.joined) context.output.note(`${running.workflowId} runs already: you see that one`);
  return show(context, session, running, input);
}

/** Shows the recovery that runs, or that ran last. @throws RecoveryError `USAGE` when there is none */
export async function watchRecovery(context: CommandContext, instance: string, by: string): Promise<number | undefined> {
  const session = await context.temporal();
  const workflowId = session.named(WORKFLOW_IDS.recover(instance));
  const handle = session.client.workflow.getHandle(workflowId);
  if (!(await newestRun(handle, session.targetOf(instance)))) {
    throw new RecoveryError('USAGE', `no recovery of ${instance} has run`, {
      next: `Start one: redis-backup recover ${instance}.`,
    });
  }
  return show(context, session, { handle, workflowId, joined: true }, { instance, by });
}

async function show(
  context: CommandContext,
  session: TemporalSession,
  running: RunningOperation,
  { instance, by = '', dryRun }: RecoveryInput,
): Promise<number | undefined> {
  const { output, interrupt } = context;
  const asker = new Asker(context, instance, by);
  const over = new AbortController();
  let page: Promise<void> | undefined;
  const showNext = () => {
    page ??= session.connection
      .withAbortSignal(over.signal, () => showPage(context, running.handle, asker))
      .finally(() => {
        page = undefined;
      });
  };
  // The page is shown in place of the one line that other operations have.
  const paged = dryRun ? output : { ...output, status: showNext };
  let result: RecoveryResult;
  try {
    result = await follow<RecoveryResult>(running, { session, output: paged, interrupt });
  } finally {
    asker.stop();
    over.abort();
    await page; // the result comes last; and a call that is tried again on a closed connection would end the process
  }
  return end(context, result);
}

async function showPage({ output, now }: CommandContext, handle: WorkflowHandle, asker: Asker): Promise<void> {
  const [status, step] = await Promise.all([
    handle.query<RunbookStatus>('status').catch(() => undefined), // no worker at this moment
    statusOf(handle, now()).catch(() => undefined),
  ]);
  if (!status || asker.isStopped) return;
  asker.seen(status);
  if (asker.isAsking) return;
  const running = step?.note ?? (step?.problem ? `attempt ${step.attempt} after: ${step.problem}` : undefined);
  output.page({ text: runbookText(status, running), notes: status.notes, json: { ...status, ...(step ? { step } : {}) } });
  if (status.question) void asker.ask(status.question);
}

/** Puts the question of the page to the person at the terminal, once each. */
class Asker {
  isStopped = false;
  #open: { plan: string; over: AbortController } | undefined;
  readonly #context: CommandContext;
  readonly #instance: string;
  readonly #by: string;
  readonly #asked = new Set<string>();

  constructor(context: CommandContext, instance: string, by: string) {
    this.#context = context;
    this.#instance = instance;
    this.#by = by;
  }

  async ask({ plan, text, answerBy, otherwise }: Question): Promise<void> {
    const { ask, output } = this.#context;
    if (!ask || this.#asked.has(plan)) return;
    this.#asked.add(plan);
    const over = new AbortController();
    this.#open = { plan, over };
    output.note(`\n${text}\nUntil ${answerBy.slice(11, 19)} UTC; if nobody answers: ${otherwise}.`);
    const time = this.#until(Date.parse(answerBy), over);
    const answer = await ask('yes or no? ', over.signal).catch(() => undefined);
    this.#open = undefined;
    if (over.signal.aborted) return output.note(String(over.signal.reason));
    over.abort();
    await time;
    const decline = /^n(o)?$/i.test(answer?.trim() ?? '');
    if (this.isStopped || (!decline && !/^y(es)?$/i.test(answer?.trim() ?? ''))) return;
    const message = { by: this.#by, plan, ...(decline ? { decline } : {}) };
    const quiet = { ...output, result: (_: object, said: string) => output.note(said) };
    await controlRecovery({ ...this.#context, output: quiet }, this.#instance, { name: 'approve', message }).catch((error) =>
      output.note(String(error)),
    );
  }

  get isAsking(): boolean {
    return this.#open !== undefined;
  }

  /** A prompt goes when somebody else has answered, or nothing is asked any more. */
  seen({ question, notes }: RunbookStatus): void {
    const { plan, over } = this.#open ?? {};
    if (plan !== undefined && question?.plan !== plan) over?.abort(`answered already: ${notes.at(-1) ?? ''}`);
  }

  stop(): void {
    this.isStopped = true;
    this.#open?.over.abort('nothing is asked any more');
  }

  /** Takes the question away when the time to answer it is over. */
  async #until(ms: number, over: AbortController): Promise<void> {
    await sleep(Math.max(0, ms - Date.now()), undefined, { signal: over.signal }).catch(() => undefined);
    over.abort('nobody answered in time');
  }
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
