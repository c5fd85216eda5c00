import { condition, defineUpdate, setHandler, workflowInfo } from '@temporalio/workflow';
import { failure } from './failures.ts';
import { CHECKS, checkMessage } from './inputs.ts';
import type { Watching } from './operation-status.ts';
import type { AskedPerson } from './procedures/step-runner.ts';

/** What a person decides of a restored Redis whose applications have not come back. */
export interface RestoreDecision {
  by: string;
  /** False: the old data is put back. */
  keep: boolean;
}
export const decideUpdate = defineUpdate<string, [RestoreDecision]>('decide');

/** The one question of a restore, and whoever answers it. */
export class RestoreQuestion {
  readonly #watching: Watching;
  #isOpen = false;
  #decision: RestoreDecision | undefined;

  /** Call before the first await: an update that comes before its handler is refused. */
  constructor(watching: Watching) {
    this.#watching = watching;
    setHandler(
      decideUpdate,
      (decision) => {
        this.#decision = decision;
        return decision.keep ? `kept, by ${decision.by}` : `the old data is put back, by ${decision.by}`;
      },
      {
        description: 'Answers whether the restored data stays. JSON: {"by":"ann","keep":true}',
        validator: (decision) => {
          if (!this.#isOpen || this.#decision)
            throw failure('USAGE', 'nothing is asked now', 'Look at the details of the restore.');
          checkMessage('decide', decision, '{"by":"you","keep":true}, or false to have the old data back', {
            by: CHECKS.line,
            keep: CHECKS.flag,
          });
        },
      },
    );
  }

  /** @returns `undefined` when nobody has answered in time */
  ask: AskedPerson = async (text, limitMs) => {
    const { workflowId, runId } = workflowInfo();
    // With the run: what is copied from an earlier restore of the same name answers nothing.
    const answer = (keep: boolean) =>
      `\`temporal workflow update execute -w ${workflowId} -r ${runId} --name decide --input '{"by":"you","keep":${keep}}'\``;
    this.#isOpen = true;
    this.#watching.asks(`${text} Keep it: ${answer(true)}. Have the old data back: ${answer(false)}.`);
    try {
      await condition(() => this.#decision !== undefined, limitMs, { summary: 'until somebody decides what stays' });
      return this.#decision;
    } finally {
      this.#isOpen = false;
      this.#watching.asks(undefined);
    }
  };
}
