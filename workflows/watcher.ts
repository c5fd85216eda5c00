import {
  ActivityFailure,
  CancellationScope,
  condition,
  isCancellation,
  setCurrentDetails,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { backupIdAt } from '../model/instance.ts';
import { SEARCH_ATTRIBUTES } from '../model/operations.ts';
import {
  type Alarm,
  doubtOf,
  isConfirmed,
  isFailing,
  mergeRecoveries,
  recoveryRuns,
  restraintOf,
  type Sides,
  type WatchAnswer,
  type WatchNews,
  type WatchStatus,
  type WatchView,
} from '../model/watch.ts';
import { isFresh, RECOVERIES_KEPT, type WatchInput, type WatchMemory, wasHandled, withHandled } from '../model/watch-memory.ts';
import { renderWatch } from '../model/watch-page.ts';
import { failure } from './failures.ts';
import { startRecovery } from './start-recovery.ts';
import { act } from './steps.ts';
import type { WatchDecision } from './watch-messages.ts';
import { sidesOf } from './watch-sides.ts';

/** After a failure that no retry can mend, such as a configuration that has no `watch` any more. */
const TROUBLE_PAUSE = '1 minute';
/** How often it is asked whether a recovery that runs has ended. */
const RECOVERING_CHECK_MS = 60_000;

/** Decides for one instance. All that is decided at once is decided one after the other. */
export class Watcher {
  readonly memory: WatchMemory;
  readonly status: WatchStatus;
  readonly #instance: string;
  /** Alarms on which no answer was given yet. */
  readonly #open = new Set<string>();
  #deciding = false;
  #stay: CancellationScope | undefined;
  /** With a failure: when to decide anew. */
  #checkAtMs: number | undefined;
  #shown: WatchStatus['phase'] | undefined;

  constructor({ instance, memory = { handled: [], recoveries: [] } }: WatchInput) {
    this.#instance = instance;
    this.memory = memory;
    this.status = { instance, phase: 'watching', text: 'It begins to look.', recoveries: memory.recoveries };
    if (isFailing(memory.known) && !memory.question) this.#checkAtMs = Date.now();
    upsertSearchAttributes({ [SEARCH_ATTRIBUTES.instance]: [instance], [SEARCH_ATTRIBUTES.operation]: ['watch'] });
    if (memory.question) this.#enter('asks', memory.question.text);
    else this.#enter('watching', 'It begins to look.');
  }

  /** Looks until there is news, and acts on it. */
  async stay(): Promise<void> {
    const { known, since, deadBefore } = this.memory;
    const stayMs = this.#checkAtMs === undefined ? {} : { stayMs: Math.max(1, this.#checkAtMs - Date.now()) };
    const input = { instance: this.#instance, ...(known ? { known } : {}), ...(since ? { since } : {}), ...stayMs };
    this.#stay = new CancellationScope();
    try {
      const news = await this.#stay.run(() =>
        act('watchInstance', deadBefore ? { ...input, deadBefore } : input, {
          summary: `look at ${this.#instance} until something changes`,
        }),
      );
      await this.#exclusively(() => this.#take(news));
    } catch (error) {
      if (this.#stay.consideredCancelled && !CancellationScope.current().consideredCancelled) return; // asked to leave
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      const text = `${error.cause?.message ?? error.message} It is tried again every ${TROUBLE_PAUSE}; nobody watches meanwhile.`;
      this.#enter('trouble', text);
      await condition(() => false, TROUBLE_PAUSE);
    } finally {
      this.#stay = undefined;
    }
  }

  /** Ends the stay, so that the workflow can begin anew. */
  leave(): void {
    this.#stay?.cancel();
  }

  async alarm(alarm: Alarm): Promise<WatchAnswer> {
    const { incident } = alarm;
    if (this.#open.has(incident) || this.#wasHandled(incident)) return 'already handled';
    this.#open.add(incident);
    try {
      const answer = await this.#exclusively(() => this.#consider(alarm));
      if (answer === 'started' || answer === 'joined' || answer === 'asked') this.#handled(incident);
      return answer;
    } finally {
      this.#open.delete(incident);
    }
  }

  approve({ by, incident }: WatchDecision): Promise<WatchAnswer> {
    return this.#exclusively(() => {
      if (this.memory.question?.incident !== incident) throw closed(this.#instance);
      this.#close();
      return this.#start(by);
    });
  }

  decline({ by, incident, note }: WatchDecision): Promise<WatchStatus> {
    return this.#exclusively(async () => {
      if (this.memory.question?.incident !== incident) throw closed(this.#instance);
      this.#close();
      this.memory.declined = { by, ...(note ? { note } : {}) };
      this.#hold(declinedText(this.memory.declined));
      return this.status;
    });
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    while (this.#deciding) await condition(() => !this.#deciding); // several may wake at once: each looks again
    this.#deciding = true;
    try {
      return await work();
    } finally {
      this.#deciding = false;
    }
  }

  async #take({ state, since, deadBefore, detail, view }: WatchNews): Promise<void> {
    Object.assign(this.memory, { known: state, since, deadBefore });
    this.status.failingSince = since;
    this.#checkAtMs = undefined;
    if (isFailing(state)) {
      if (view) await this.#decide(view);
      else this.#checkAtMs = Date.now(); // its worker drained: another one looks at once
      return;
    }
    this.#close(); // it serves again, or can't be judged any more: what was asked is over
    delete this.memory.declined;
    delete this.status.sides;
    if (state === 'unclear') this.#enter('trouble', `It answers, and whether it serves can't be told: ${detail}`);
    else this.#enter('watching', state === 'loading' ? `Redis loads its data: ${detail}.` : 'Redis serves.');
  }

  /** What an alarm is worth at this moment. */
  async #consider({ incident, by }: Alarm): Promise<WatchAnswer> {
    if (this.#wasHandled(incident)) return 'already handled'; // while it waited for its turn
    this.memory.witness = { incident, by, atMs: Date.now() };
    if (this.memory.question) return 'asked';
    const { deadBefore } = this.memory;
    const input = { instance: this.#instance, ...(deadBefore ? { deadBefore } : {}) };
    const view = await act('lookAtInstance', input, { summary: `look at ${this.#instance} because of an alarm` });
    if (isFailing(this.memory.known)) return this.#decide(view);
    if (view.locked) return `held back: ${view.locked} is running`;
    const { settings, worker } = view;
    // The stay sees it too, decides when the time is over, and then the alarm speaks for the applications.
    if (worker.verdict === 'fails') return `held back: it must have failed for ${settings.afterMs / 1000} s`;
    const sides = await this.#sidesOf(view);
    return isConfirmed(sides) ? `held back: here it looks well (${worker.detail}), a person must look` : 'not confirmed';
  }

  /** Of a failure that has lasted long enough, as this worker sees it. */
  async #decide(view: WatchView): Promise<WatchAnswer> {
    const { memory } = this;
    const { settings } = view;
    const nowMs = Date.now();
    memory.recoveries = mergeRecoveries(memory.recoveries, view.recoveries, { nowMs, ...RECOVERIES_KEPT });
    this.status.recoveries = memory.recoveries;
    if (memory.question) return 'asked';
    this.#checkAtMs = nowMs + Math.max(settings.afterMs, settings.everyMs);
    if (recoveryRuns(view.recoveries, memory.recoveries, nowMs))
      return this.#recovering('joined', 'A recovery is running already.');
    if (view.locked) return this.#hold(`${view.locked} is running`);
    const sides = await this.#sidesOf(view);
    this.status.sides = sides;
    if (!isConfirmed(sides)) {
      this.#enter('suspicious', doubtOf(sides));
      return 'not confirmed';
    }
    if (view.allFailing !== undefined) {
      const others = view.allFailing === 1 ? 'the only other instance' : `all ${view.allFailing} other instances`;
      return this.#hold(`${others} failed at the same time: taken for the network of the worker`);
    }
    if (memory.declined) return this.#hold(declinedText(memory.declined));
    const restraint = restraintOf(memory.recoveries, settings, nowMs);
    if (restraint) return this.#hold(restraint);
    return settings.mode === 'ask' ? this.#ask(sides) : this.#start(this.#witness()?.by ?? 'watcher');
  }

  #witness(): WatchMemory['witness'] {
    return isFresh(this.memory.witness, Date.now()) ? this.memory.witness : undefined;
  }

  #sidesOf(view: WatchView): Promise<Sides> {
    return sidesOf(this.#instance, view, this.#witness());
  }

  #ask(sides: Sides): WatchAnswer {
    const sinceMs = Date.parse(this.memory.since ?? new Date(Date.now()).toISOString());
    const text = `Redis ${this.#instance} has failed since ${new Date(sinceMs).toISOString().slice(11, 19)} UTC (${sides.worker.detail}). Start its recovery?`;
    this.memory.question = { incident: backupIdAt(sinceMs), text, askedAt: new Date(Date.now()).toISOString() };
    this.#checkAtMs = undefined; // it is a person's turn; the stay says when it serves again
    this.#handledByWitness();
    this.#enter('asks', text);
    return 'asked';
  }

  async #start(by: string): Promise<WatchAnswer> {
    const started = await startRecovery(this.#instance, by);
    this.#handledByWitness();
    if (!started) return this.#recovering('joined', 'A recovery is running already.');
    this.memory.recoveries = [...this.memory.recoveries, started];
    this.status.recoveries = this.memory.recoveries;
    return this.#recovering('started', `Started for ${by}.`);
  }

  #recovering(answer: 'started' | 'joined', text: string): WatchAnswer {
    this.#checkAtMs = Date.now() + RECOVERING_CHECK_MS;
    this.#enter('recovering', `${text} Follow recover/${this.#instance}.`);
    return answer;
  }

  #hold(why: string): WatchAnswer {
    this.#enter('held back', `A recovery is held back: ${why}.`);
    return `held back: ${why}`;
  }

  #close(): void {
    delete this.memory.question;
  }

  #handledByWitness(): void {
    const witness = this.#witness();
    if (witness) this.#handled(witness.incident);
  }

  #wasHandled(incident: string): boolean {
    return wasHandled(this.memory.handled, incident, Date.now());
  }

  #handled(incident: string): void {
    this.memory.handled = withHandled(this.memory.handled, incident, Date.now());
  }

  #enter(phase: WatchStatus['phase'], text: string): void {
    if (phase !== this.#shown) upsertSearchAttributes({ [SEARCH_ATTRIBUTES.phase]: [phase] });
    this.#shown = phase;
    Object.assign(this.status, { phase, text, question: this.memory.question });
    setCurrentDetails(renderWatch(this.status));
  }
}

const declinedText = ({ by, note }: NonNullable<WatchMemory['declined']>): string =>
  `declined by ${by}${note ? ` (${note})` : ''} until it has served again`;

const closed = (instance: string) =>
  failure('USAGE', 'the question has been closed meanwhile', `Look at query \`status\` of watch/${instance}.`);
