import {
  ApplicationFailure,
  defineQuery,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { resultLines } from '../model/operation-page.ts';
import { type OperationName, PHASES, type Phase, SEARCH_ATTRIBUTES } from '../model/operations.ts';

/** What query `status` answers. */
export interface OperationStatus {
  instance: string;
  operation: OperationName;
  phase: string;
  outcome?: string;
  /** Since when this phase runs, ISO 8601. */
  since: string;
  steps: { step: string; startedAt: string; seconds?: number }[];
}
export const statusQuery = defineQuery<OperationStatus>('status');

const FAILED = ['failed', 'cancelled'];

/** Keeps what people see of an operation true: search attributes, current details, query `status`, memo with the result. */
export class Watching {
  readonly #status: OperationStatus;
  readonly #hint: string;
  #question: string | undefined;
  /** What came of it, when it has ended. */
  #result: string[] = [];

  /** Call before the first await: a query handler that comes later is refused. */
  constructor(instance: string, operation: OperationName, hint: string) {
    this.#status = { instance, operation, phase: 'started', since: now(), steps: [] };
    this.#hint = hint;
    setHandler(statusQuery, () => this.#status, { description: 'Where this operation is, step by step. Takes no argument.' });
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.instance]: [instance], [SEARCH_ATTRIBUTES.operation]: [operation] });
  }

  enter(phase: Phase): void {
    const status = this.#status;
    const at = now();
    const last = status.steps.at(-1);
    if (last && last.seconds === undefined) last.seconds = secondsBetween(last.startedAt, at);
    status.steps.push({ step: phase, startedAt: at });
    status.phase = phase;
    status.since = at;
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: [phase] });
    setCurrentDetails(this.#details());
  }

  /** Shows what a person is asked, first of all. `undefined`: nothing any more. */
  asks(question: string | undefined): void {
    this.#question = question;
    upsertMemo({ question: question ?? null });
    setCurrentDetails(this.#details());
  }

  /** Runs an operation and tells how it ended, whichever way it does. */
  async run<T extends { outcome: string } | { dryRun: boolean }>(body: () => Promise<T>): Promise<T> {
    try {
      const result = await body();
      this.#finish('outcome' in result ? result.outcome : result.dryRun ? 'planned' : 'applied', result);
      return result;
    } catch (error) {
      this.#finish(isCancellation(error) ? 'cancelled' : 'failed', { error: deepest(error) });
      throw error;
    }
  }

  /** @param result - kept in the memo: readable when no worker is there */
  #finish(outcome: string, result: object): void {
    const last = this.#status.steps.at(-1);
    if (last) last.seconds = secondsBetween(last.startedAt, now());
    this.#status.outcome = outcome;
    this.#result = resultLines(result);
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: ['done'], [SEARCH_ATTRIBUTES.outcome]: [outcome] });
    upsertMemo({ report: result });
    setCurrentDetails(this.#details());
  }

  /** Markdown under 2 kB: the Web UI sends it through a URL. */
  #details(): string {
    const { instance, operation, phase, outcome, steps } = this.#status;
    const rows = steps.map(({ step, startedAt, seconds }, index) => {
      const mark = seconds === undefined ? '⏳' : outcome && index === steps.length - 1 && FAILED.includes(outcome) ? '❌' : '✅';
      return `| ${mark} | ${step} | ${startedAt.slice(11, 19)} | ${seconds === undefined ? '' : `${seconds} s`} |`;
    });
    const passed = new Set(steps.map(({ step }) => step));
    const coming = outcome ? [] : PHASES[operation].filter((step) => !passed.has(step)).map((step) => `| ⬜ | ${step} | | |`);
    const head = `**${operation} of ${instance}: ${outcome ?? phase}**`;
    const asked = this.#question === undefined ? [] : [`❗ **You**: ${this.#question}`, ''];
    const said = this.#result.flatMap((line) => [line, '']);
    const table = ['| | step | began (UTC) | took |', '|-|-|-|-|', ...rows, ...coming];
    return [head, '', ...asked, ...said, ...table, ...(outcome ? [] : ['', this.#hint])].join('\n');
  }
}

/** What a person needs of a failure: the code, and the message at its bottom. */
function deepest(error: unknown): { code?: string; message: string; next?: string } {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  const code = at instanceof ApplicationFailure ? at.type : undefined;
  const { next } = (at instanceof ApplicationFailure ? (at.details?.[0] ?? {}) : {}) as { next?: string };
  return { message: at instanceof Error ? at.message : String(at), ...(code ? { code } : {}), ...(next ? { next } : {}) };
}

const now = (): string => new Date(Date.now()).toISOString();
const secondsBetween = (from: string, to: string): number => Math.round((Date.parse(to) - Date.parse(from)) / 100) / 10;

/** The line that stops this run, for the details of an operation. */
export const cancelHint = (): string =>
  `To stop it: \`temporal workflow cancel --workflow-id ${workflowInfo().workflowId}\`. What it changed is put back.`;
