import { setTimeout as sleep } from 'node:timers/promises';
import type { Question, RunbookStatus } from '../../model/recovery/runbook.ts';
import type { NamedShard } from '../../model/shard.ts';
import type { CommandContext } from '../command.ts';
import { controlRecovery } from './control.ts';

/** Puts the question of the page to the person at the terminal, once each. */
export class Asker {
  isStopped = false;
  #open: { plan: string; over: AbortController } | undefined;
  readonly #context: CommandContext;
  readonly #redis: NamedShard;
  readonly #by: string;
  readonly #asked = new Set<string>();

  constructor(context: CommandContext, redis: NamedShard, by: string) {
    this.#context = context;
    this.#redis = redis;
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
    await controlRecovery({ ...this.#context, output: quiet }, this.#redis, { name: 'approve', message }).catch((error) =>
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
