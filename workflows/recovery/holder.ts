import { CancellationScope, getExternalWorkflowHandle } from '@temporalio/workflow';
import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import type { LockReport } from '../lock/messages.ts';
import { runStep } from '../steps/run-step.ts';
import { shortRunId } from './controls.ts';
import { type Run, softly } from './run.ts';

/**
 * Whoever holds the lock may be what keeps Redis down, and may never come to an end. It is named with what it does, and a
 * person is asked at once whether it is to be ended. Without an answer it is waited for. One that has not begun with what it
 * came for is no reason to stay down, and is cancelled.
 */
export class HolderQuestion {
  readonly #run: Run;
  readonly #isDown: boolean;
  readonly #asked = new Set<string>();
  readonly #scope = new CancellationScope();
  #blocked: string | undefined;

  constructor(run: Run, { failure }: Assessment) {
    this.#run = run;
    this.#isDown = FAILURE_CLASSES[failure].explains !== 'none';
  }

  /** Told again and again while the lock is held. */
  about(report: LockReport): void {
    const { holder, blocked, ending } = report;
    if (blocked && blocked.because !== this.#blocked)
      this.#run.page.say(`${holder.workflowId} ${blocked.because}. ${blocked.next}`);
    this.#blocked = blocked?.because;
    // Another recovery brings another Redis of the instance back.
    if (ending || !this.#isDown || holder.kind === 'recovery' || this.#asked.has(holder.runId)) return;
    this.#asked.add(holder.runId);
    this.#scope.run(() => (report.interrupts ? this.#ask(report) : this.#cancel(report))).catch(() => undefined); // the lock is free, or all is aborted: nobody is asked any more
  }

  /** The lock is ours, or nobody waits for it any more. */
  over(): void {
    this.#scope.cancel();
  }

  async #ask({ holder }: LockReport): Promise<void> {
    const { page, controls, of, found } = this.#run;
    const { instance, name } = of;
    const { workflowId, runId } = holder;
    const asked = runStep('observeHolder', { instance, holder }, { summary: `what ${workflowId} does with ${name}` });
    const doing = (await softly(page, `what ${workflowId} does`, asked))?.doing;
    const limitMs = found.assessment?.settings.askForMs ?? 0;
    const text = `${workflowId} holds ${name}${doing ? `, and is at this: ${doing}` : ''}. Cancel it? It puts back what it has changed, and the recovery goes on then.`;
    const answerBy = new Date(Date.now() + limitMs).toISOString();
    const plan = `cancel-${shortRunId(runId)}`;
    const answer = await controls.ask({ plan, text, answerBy, otherwise: 'it is waited for' }, limitMs);
    page.say(`waiting until ${workflowId} lets go of ${name}`);
    if (answer === 'approved') await this.#cancel({ holder });
  }

  async #cancel({ holder: { workflowId, runId } }: Pick<LockReport, 'holder'>): Promise<void> {
    this.#run.page.note(`${workflowId} is cancelled`);
    await getExternalWorkflowHandle(workflowId, runId)
      .cancel()
      .catch(() => undefined); // it ended in this moment
  }
}
