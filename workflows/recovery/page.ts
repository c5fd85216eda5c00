import { proxySinks, type Sinks, setCurrentDetails, setHandler, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import { formatDuration } from '../../model/format.ts';
import { SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import type { Assessment, DataDecision } from '../../model/recovery/recovery.ts';
import {
  type Question,
  RUNBOOK_STEPS,
  type RunbookStatus,
  type RunbookStep,
  renderRunbook,
  STEP_IDS,
  type StepId,
  type StepState,
} from '../../model/recovery/runbook.ts';
import { withoutStop } from '../../model/recovery/text.ts';
import { twinAdvice } from '../../model/recovery/twins.ts';
import { type AskedShard, askedName } from '../../model/shard.ts';
import { deploymentPart } from '../own-deployment.ts';
import { type ReasonMessage, runbookStatusQuery } from './control-messages.ts';

const MOST_NOTES = 20;

/** Told to the worker, whose figures people are woken by. */
export interface RecoverySinks extends Sinks {
  recovery: {
    /** @param answerBy - ISO 8601; absent: nothing is asked any more */
    asks(instance: string, answerBy?: string): void;
  };
}
const { recovery } = proxySinks<RecoverySinks>();

/** Keeps what people see of a recovery true, in all places: current details, query `status`, search attributes, memo. */
export class Page {
  readonly #status: RunbookStatus;
  #isCounted = false;

  /** Call before the first await: a query handler that comes later is refused. */
  constructor(asked: AskedShard) {
    const { instance } = asked;
    this.#status = {
      instance: askedName(asked),
      ...deploymentPart(),
      startedAt: iso(),
      clients: 'being looked at',
      now: 'looking at Redis, its machine, the applications and the repository',
      worstLoss: 'being looked at',
      changed: ['being looked at'],
      applications: ['being looked at'],
      steps: STEP_IDS.map((step): RunbookStep => ({ step, state: 'todo' })),
      notes: [],
    };
    setHandler(runbookStatusQuery, () => this.#status, { description: 'The whole runbook as JSON. Takes no argument.' });
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.instance]: [instance], [SEARCH_ATTRIBUTES.operation]: ['recovery'] });
  }

  get startedAt(): string {
    return this.#status.startedAt;
  }
  get isServing(): boolean {
    return this.stateOf('serving') === 'done';
  }

  begin(step: StepId, now: string): void {
    const row = this.#row(step);
    row.state = 'doing';
    row.startedAt ??= iso();
    this.#status.now = now;
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: [step] });
    this.#publish();
  }

  end(step: StepId, state: Exclude<StepState, 'todo' | 'doing'>, note: string): void {
    const row = this.#row(step);
    row.state = state;
    if (row.startedAt) row.seconds = Math.round((Date.now() - Date.parse(row.startedAt)) / 100) / 10;
    row.note = note;
    this.#publish();
  }

  say(now: string): void {
    this.#status.now = now;
    this.#publish();
  }

  /** Until the next look. */
  needs(text: string): void {
    this.#status.needs = withoutStop(text);
    this.say(`only a person can help: ${text}`);
  }

  note(text: string): void {
    const { notes } = this.#status;
    notes.push(`${iso().slice(11, 19)} ${text}`);
    if (notes.length > MOST_NOTES) notes.shift();
    this.#publish();
  }

  clients(text: string): void {
    this.#status.clients = text;
    this.#publish();
  }

  applications(seen: string[]): void {
    this.#status.applications = seen;
    this.#publish();
  }

  assessed({ instance, clients, since, worstLoss, changed, applications, twins }: Assessment): void {
    const status = this.#status;
    const now = withoutStop(clients);
    status.clients = since ? `${now}, since ${since.slice(11, 19)} UTC` : now;
    if (!(this.isServing && this.#isCounted)) status.worstLoss = worstLoss;
    if (twins?.[0]) status.needs = withoutStop(twinAdvice(instance, twins[0]));
    else delete status.needs;
    status.changed = changed.map(withoutStop);
    if (!this.isServing) status.applications = applications;
    this.#publish();
  }

  /** What was a guess is known now, or known not to be so. */
  counted({ verdict, text }: DataDecision): void {
    this.#isCounted = verdict !== 'within-tolerance';
    if (this.#isCounted) this.#status.worstLoss = `Counted, before anything is brought back: ${text}`;
    this.#publish();
  }

  asks(question: Question | undefined): void {
    recovery.asks(this.#status.instance, question?.answerBy);
    if (question) {
      this.#status.question = question;
      this.#status.now = 'waiting for your answer';
    } else if (this.#status.question) {
      delete this.#status.question;
      this.#status.now = 'going on';
    }
    this.#publish();
  }

  holds(held: ReasonMessage | undefined): void {
    if (held) this.#status.held = { by: held.by, reason: held.reason };
    else delete this.#status.held;
    this.#publish();
  }

  stateOf(step: StepId): StepState {
    return this.#row(step).state;
  }

  /** @param result - kept in the memo: readable when no worker is there */
  finish(outcome: string, summary: string, result: object): void {
    const status = this.#status;
    for (const row of status.steps) {
      if (row.state === 'doing')
        this.end(row.step, outcome === 'failed' || outcome === 'cancelled' ? 'failed' : 'skipped', row.note ?? '');
      if (row.state === 'todo') row.state = 'skipped';
    }
    status.outcome = outcome;
    status.summary = summary;
    const { toDo = [] } = result as { toDo?: string[] };
    if (toDo.length > 0) status.needs = toDo.map(withoutStop).join('; ');
    else delete status.needs;
    status.now = `ended after ${formatDuration(Date.now() - Date.parse(status.startedAt))}`;
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: ['done'], [SEARCH_ATTRIBUTES.outcome]: [outcome] });
    upsertMemo({ report: result });
    this.#publish();
  }

  #row(step: StepId): RunbookStep {
    const row = this.#status.steps.find((one) => one.step === step);
    if (!row) throw new Error(`no step ${RUNBOOK_STEPS[step].title}`);
    return row;
  }

  #publish(): void {
    setCurrentDetails(renderRunbook(this.#status));
  }
}

const iso = (): string => new Date(Date.now()).toISOString();
