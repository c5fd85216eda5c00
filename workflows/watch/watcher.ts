import { ActivityFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { type AskedShard, askedName, type NamedShard } from '../../model/shard.ts';
import {
  isFresh,
  RECOVERIES_KEPT,
  type WatchInput,
  type WatchMemory,
  wasHandled,
  withHandled,
} from '../../model/watch/memory.ts';
import { besideIt, declinedText, questionOf } from '../../model/watch/page.ts';
import {
  type Alarm,
  isConfirmed,
  isFailing,
  mergeRecoveries,
  recoveryRuns,
  restraintOf,
  type WatchAnswer,
  type WatchNews,
  type WatchStatus,
  type WatchView,
  type Witnesses,
  witnessDoubt,
} from '../../model/watch/watch.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { failure } from '../failures.ts';
import { inOwnDeployment } from '../own-deployment.ts';
import { runStep } from '../steps/run-step.ts';
import { WatchDisplay } from './display.ts';
import type { WatchDecision } from './messages.ts';
import { startRecoveryChild } from './start-recovery.ts';
import { witnessesOf } from './witnesses.ts';

/** After a failure that no retry can mend, such as a configuration that has no `watch` any more. */
const TROUBLE_PAUSE = '1 minute';

/** Decides for one instance. All that is decided at once is decided one after the other. */
export class Watcher {
  readonly memory: WatchMemory;
  readonly #display: WatchDisplay;
  readonly #asked: AskedShard;
  /** What people call it. */
  readonly #name: string;
  #of: NamedShard | undefined;
  /** Alarms on which no answer was given yet. */
  readonly #open = new Set<string>();
  #deciding = false;
  #stay: CancellationScope | undefined;
  /** With a failure: when to decide anew. */
  #checkAtMs: number | undefined;
  #recheckMs = 30_000;

  constructor({ memory = { handled: [], recoveries: [] }, ...asked }: WatchInput) {
    this.#asked = asked;
    this.#name = askedName(asked);
    this.memory = memory;
    this.#display = new WatchDisplay(asked, memory);
    if (isFailing(memory.known) && !memory.question) this.#checkAtMs = Date.now();
  }

  get status(): WatchStatus {
    return this.#display.status;
  }

  /** Looks until there is news, and acts on it. */
  async stay(): Promise<void> {
    const { known, since, deadBefore, twins = [] } = this.memory;
    const stayMs = this.#checkAtMs === undefined ? {} : { stayMs: Math.max(1, this.#checkAtMs - Date.now()) };
    const believed = {
      ...(known ? { known } : {}),
      ...(since ? { since } : {}),
      ...(deadBefore ? { deadBefore } : {}),
      ...stayMs,
      ...(twins.length > 0 ? { twins: twins.map(({ address }) => address) } : {}),
    };
    this.#stay = new CancellationScope();
    try {
      const news = await this.#stay.run(async () => {
        const summary = `look at ${this.#name} until something changes`;
        return runStep('watchInstance', { ...(await this.#which()), ...believed }, { summary });
      });
      await this.#exclusively(() => this.#take(news));
    } catch (error) {
      if (this.#stay.consideredCancelled && !CancellationScope.current().consideredCancelled) return; // asked to leave
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      const text = `${error.cause?.message ?? error.message} It is tried again every ${TROUBLE_PAUSE}; nobody watches meanwhile.`;
      this.#display.enter('trouble', text);
      await condition(() => false, TROUBLE_PAUSE);
    } finally {
      this.#stay = undefined;
    }
  }

  async #which(): Promise<NamedShard> {
    this.#of ??= await runStep('whichShard', this.#asked, { summary: `which Redis ${this.#name} is` });
    return this.#of;
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
    return this.#exclusively(async () => {
      this.#answered(incident);
      const answer = await this.#start(by);
      this.leave(); // the stay would be an hour long, and the recovery may change nothing
      return answer;
    });
  }

  decline({ by, incident, note }: WatchDecision): Promise<WatchStatus> {
    return this.#exclusively(async () => {
      this.#answered(incident);
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

  async #take({ state, since, deadBefore, detail, view, unseen, twins }: WatchNews): Promise<void> {
    Object.assign(this.memory, { known: state, since, deadBefore, ...(twins ? { twins } : {}) });
    this.#checkAtMs = undefined;
    if (isFailing(state)) {
      if (view) await this.#decide(view);
      else this.#checkAtMs = Date.now(); // its worker drained: another one looks at once
      return;
    }
    delete this.memory.question; // it serves again, or can't be judged any more: what was asked is over
    if (state === 'serving') delete this.memory.declined; // a load that fails again is the same outage
    this.#display.sees(undefined);
    if (state === 'unclear') this.#display.enter('trouble', `It answers, and whether it serves can't be told: ${detail}`);
    else if (state === 'loading') this.#display.enter('watching', `Redis loads its data: ${detail}.`);
    else if (this.memory.twins?.length) this.#display.enter('trouble', `Redis serves. ${besideIt(this.memory.twins)}`);
    else this.#display.enter('watching', unseen ? `The last look did not see it serve: ${detail}.` : 'Redis serves.');
  }

  /** What an alarm is worth at this moment. */
  async #consider({ incident, by }: Alarm): Promise<WatchAnswer> {
    if (this.#wasHandled(incident)) return 'already handled'; // while it waited for its turn
    this.memory.witness = { incident, by, atMs: Date.now() };
    if (this.memory.question) return 'asked';
    const { deadBefore } = this.memory;
    const of = await this.#which();
    const input = { ...of, ...(deadBefore ? { deadBefore } : {}) };
    const view = await runStep('observeInstance', input, { summary: `look at ${this.#name} because of an alarm` });
    if (isFailing(this.memory.known)) return this.#decide(view);
    if (view.locked) return `held back: ${view.locked} is running`;
    const { settings, worker } = view;
    // The stay sees it too, decides when the time is over, and then the alarm speaks for the applications.
    if (worker.verdict === 'fails') return `held back: it must have failed for ${settings.afterMs / 1000} s`;
    const witnesses = await witnessesOf(of, view, this.#witness());
    return isConfirmed(witnesses) ? `held back: here it looks well (${worker.detail}), a person must look` : 'not confirmed';
  }

  /** Of a failure that has lasted long enough, as this worker sees it. */
  async #decide(view: WatchView): Promise<WatchAnswer> {
    const { memory } = this;
    const { settings } = view;
    const nowMs = Date.now();
    memory.recoveries = mergeRecoveries(memory.recoveries, view.recoveries, { nowMs, ...RECOVERIES_KEPT });
    if (memory.question) return 'asked';
    this.#recheckMs = Math.max(settings.afterMs, settings.everyMs);
    this.#checkAtMs = nowMs + this.#recheckMs;
    if (recoveryRuns(view.recoveries, memory.recoveries, nowMs))
      return this.#recovering('joined', 'A recovery is running already.');
    if (view.locked) return this.#hold(`${view.locked} is running`);
    const witnesses = await witnessesOf(await this.#which(), view, this.#witness());
    this.#display.sees(witnesses);
    if (!isConfirmed(witnesses)) {
      this.#display.enter('suspicious', witnessDoubt(witnesses));
      return 'not confirmed';
    }
    if (view.allFailing !== undefined) {
      const others = view.allFailing === 1 ? 'the only other instance' : `all ${view.allFailing} other instances`;
      return this.#hold(`${others} failed at the same time: taken for the network of the worker`);
    }
    if (memory.declined) return this.#hold(declinedText(memory.declined));
    const restraint = restraintOf(memory.recoveries, settings, nowMs);
    if (restraint) return this.#hold(restraint);
    return settings.mode === 'ask' ? this.#ask(witnesses) : this.#start(this.#witness()?.by ?? 'watcher');
  }

  #witness(): WatchMemory['witness'] {
    return isFresh(this.memory.witness, Date.now()) ? this.memory.witness : undefined;
  }

  #ask(witnesses: Witnesses): WatchAnswer {
    this.memory.question = questionOf(this.#name, witnesses, this.memory.since, Date.now());
    this.#checkAtMs = undefined; // it is a person's turn; the stay says when it serves again
    this.#handledByWitness();
    this.#display.enter('asks', this.memory.question.text);
    return 'asked';
  }

  async #start(by: string): Promise<WatchAnswer> {
    const started = await startRecoveryChild(await this.#which(), by);
    this.#handledByWitness();
    if (!started) return this.#recovering('joined', 'A recovery is running already.');
    this.memory.recoveries = [...this.memory.recoveries, started];
    return this.#recovering('started', `Started for ${by}.`);
  }

  #recovering(answer: 'started' | 'joined', text: string): WatchAnswer {
    this.#checkAtMs = Date.now() + 2 * this.#recheckMs;
    this.#display.enter('recovering', `${text} Follow ${inOwnDeployment(WORKFLOW_IDS.recover(this.#name))}.`);
    return answer;
  }

  #hold(why: string): WatchAnswer {
    this.#display.enter('held back', `A recovery is held back: ${why}.`);
    return `held back: ${why}`;
  }

  /** @throws ApplicationFailure `USAGE` when that question has been closed while the answer waited for its turn */
  #answered(incident: string): void {
    if (this.memory.question?.incident !== incident) throw closed(this.#name);
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
}

const closed = (instance: string) =>
  failure(
    'USAGE',
    'the question has been closed meanwhile',
    `Look at query \`status\` of ${inOwnDeployment(WORKFLOW_IDS.watch(instance))}.`,
  );
