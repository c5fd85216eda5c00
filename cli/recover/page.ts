import { hasCode } from '../../model/errors.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { runbookLines, runbookText } from '../../model/recovery/text.ts';
import type { Output, ShownStatus } from '../output/output.ts';
import type { Asker } from './asker.ts';

const UNHEARD = 'waiting: no worker answers at this moment; nothing new begins until one does';

interface PageOf {
  output: Output;
  asker: Asker;
  workflowId: string;
}

/** The page of a recovery: shown in place of the one line that other operations have, and who it waits for beside it. */
export class RecoveryPage {
  /** Settles when nothing is being asked for the page. */
  shown: Promise<void> | undefined;
  readonly #of: PageOf;
  readonly #ask: () => Promise<RunbookStatus>;
  #latest: ShownStatus | undefined;
  #said: string | undefined;

  /** @param ask - asks the workflow for its status; fails within seconds when no worker answers */
  constructor(of: PageOf, ask: () => Promise<RunbookStatus>) {
    this.#of = of;
    this.#ask = ask;
  }

  /** Shows what goes on. A page that is still being asked for is not asked for again. */
  show(status: ShownStatus): void {
    this.#latest = status;
    if (status.waits) this.#say(status.note);
    this.shown ??= this.#showNext().finally(() => {
      this.shown = undefined;
    });
  }

  async #showNext(): Promise<void> {
    const { asker, output } = this.#of;
    const status = await this.#ask().catch((error: unknown) => void this.#unheard(error));
    if (asker.isStopped || !status) return;
    const latest = this.#latest;
    if (!latest?.waits) this.#said = undefined;
    asker.seen(status);
    if (asker.isAsking) return;
    const running = latest?.note ?? (latest?.problem ? `attempt ${latest.attempt} after: ${latest.problem}` : undefined);
    output.page({
      text: runbookText(status, running),
      notes: runbookLines(status),
      json: { ...status, ...(latest ? { step: latest } : {}) },
    });
    if (status.question) void asker.ask(status.question);
  }

  #unheard(error: unknown): void {
    const { step, note, waits, cannotGoOn } = this.#latest ?? {};
    if (this.#of.asker.isStopped || waits || !hasCode(error, 'PLACE_UNREACHABLE')) return;
    this.#say((step && !cannotGoOn ? undefined : note) ?? UNHEARD);
  }

  /** Once, until it is something else. */
  #say(note: string | undefined): void {
    if (note !== undefined && note !== this.#said) this.#of.output.note(`${this.#of.workflowId}: ${note}`);
    this.#said = note;
  }
}
