import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../model/errors.ts';
import { formatDuration } from '../../model/format.ts';
import type { WatchSettings } from '../../model/recovery/settings.ts';
import { isFailing, isWell, type SeenTwin, type WatchNews, type WatchSession, type WatchState } from '../../model/watch/watch.ts';
import type { ServingReport } from '../../redis/health/serving.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { Debounce } from './debounce.ts';
import { failingOthers, lookAtOthers, mayBeStopped } from './others.ts';
import { lookAtOurs } from './ours.ts';
import { lookForTwins } from './twins.ts';
import { viewOf } from './view.ts';

/** A stay ends after this long and is begun anew, so that no activity grows old. Spread, so that not all end together. */
const STAY_MS = 3600_000;
const STAY_SPREAD_MS = 300_000;
const OTHERS_EVERY_MS = 600_000;
const TWINS_EVERY_MS = 60_000;
/** A failure that is younger has just been seen. */
const LEAST_SAID_MS = 1_000;

/** One stay at one Redis: many looks, and one piece of news. */
export class Watch {
  readonly #deps: Dependencies;
  readonly #target: ProtectedInstance;
  readonly #settings: WatchSettings;
  readonly #known: WatchState | undefined;
  readonly #debounce: Debounce;
  readonly #endsAtMs: number;
  #deadBefore: readonly string[] | undefined;
  /** Its run id. */
  #ours: string | undefined;
  #othersAtMs = Number.NEGATIVE_INFINITY;
  #twins: SeenTwin[] | undefined;
  readonly #knownTwins: readonly string[];
  /** Named by it during this stay, and those that were twins before, which it names no longer. */
  readonly #replicas: Set<string>;
  #twinsAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: Dependencies, target: ProtectedInstance, settings: WatchSettings, stay: WatchSession) {
    this.#deps = deps;
    this.#target = target;
    this.#settings = settings;
    this.#known = stay.known;
    this.#deadBefore = stay.deadBefore;
    this.#knownTwins = stay.twins ?? [];
    this.#replicas = new Set(stay.twins);
    this.#debounce = new Debounce(settings.afterMs, stay.since ? Date.parse(stay.since) : undefined);
    this.#endsAtMs = deps.now() + (stay.stayMs ?? STAY_MS + Math.round(Math.random() * STAY_SPREAD_MS));
  }

  /** @throws what the cancellation was; RecoveryError when Temporal can't be asked */
  async run(): Promise<WatchNews> {
    const { signal } = currentJob();
    const wake = AbortSignal.any([signal, this.#deps.draining]);
    for (;;) {
      signal.throwIfAborted();
      const look = await lookAtOurs(this.#deps, this.#target, this.#ours);
      if (look.verdict === 'serves') this.#ours = look.runId;
      const stopping = await this.#count(look);
      const state = stopping ? undefined : await this.#stateNow();
      this.#report(look, stopping);
      if (state !== undefined && (isNews(state, this.#known) || (isWell(state) && this.#hasOtherTwins())))
        return this.#news('changed', state, look);
      const ended = this.#deps.draining.aborted ? 'draining' : this.#deps.now() >= this.#endsAtMs ? 'time' : undefined;
      if (ended) return this.#news(ended, this.#known ?? 'serving', look);
      await this.#pause(wake);
    }
  }

  /** @returns the operation whose doing a failure is */
  async #count(look: ServingReport): Promise<string | undefined> {
    this.#debounce.add(look, this.#deps.now());
    if (look.verdict === 'serves') {
      await Promise.all([this.#lookAtOthers(), this.#lookForTwins()]);
      return undefined;
    }
    if (look.verdict !== 'fails') return undefined;
    // An answer that can't be had counts like a lock: without Temporal nothing could be started anyway.
    const holder = await mayBeStopped(this.#deps, this.#target.instance).catch((error) => `unknown: ${messageOf(error)}`);
    if (holder && !isFailing(this.#known)) this.#debounce.forgive();
    return holder;
  }

  /** From time to time, so that it is known later who had failed long before this one. */
  async #lookAtOthers(): Promise<void> {
    const nowMs = this.#deps.now();
    if (nowMs - this.#othersAtMs < OTHERS_EVERY_MS) return;
    this.#othersAtMs = nowMs;
    this.#deadBefore = (await lookAtOthers(this.#deps, this.#target)).failing;
  }

  async #lookForTwins(): Promise<void> {
    const nowMs = this.#deps.now();
    if (nowMs - this.#twinsAtMs < TWINS_EVERY_MS) return;
    this.#twinsAtMs = nowMs;
    this.#twins = (await lookForTwins(this.#target, this.#replicas)) ?? this.#twins;
  }

  #hasOtherTwins(): boolean {
    const addresses = this.#twins?.map(({ address }) => address);
    return addresses !== undefined && addresses.toSorted().join() !== this.#knownTwins.toSorted().join();
  }

  async #stateNow(): Promise<WatchState | undefined> {
    const state = this.#debounce.stateAt(this.#deps.now());
    if (state !== 'failing' || this.#known === 'failing') return state;
    return (await this.#failingOthers()) === undefined ? 'failing' : 'all-failing';
  }

  #failingOthers(): Promise<number | undefined> {
    return failingOthers(this.#deps, this.#target, this.#deadBefore);
  }

  async #news(ended: WatchNews['ended'], state: WatchState, look: ServingReport): Promise<WatchNews> {
    const since = this.#debounce.failingSinceMs;
    const failing = isFailing(state);
    return {
      ended,
      state,
      ...(failing && since !== undefined ? { since: new Date(since).toISOString() } : {}),
      deadBefore: [...(this.#deadBefore ?? [])],
      ...(this.#twins ? { twins: this.#twins } : {}),
      detail: look.detail,
      ...(look.verdict === 'serves' ? {} : { unseen: true as const }),
      ...(failing && ended !== 'draining'
        ? { view: await viewOf(this.#deps, this.#target, look, await this.#failingOthers()) }
        : {}),
    };
  }

  async #pause(wake: AbortSignal): Promise<void> {
    const ms = Math.max(1, Math.min(this.#settings.everyMs, this.#endsAtMs - this.#deps.now()));
    await sleep(ms, undefined, { signal: wake }).catch(() => undefined); // whoever woke us is seen in the loop
  }

  #report({ verdict, detail }: ServingReport, stopping: string | undefined): void {
    const since = this.#debounce.failingSinceMs;
    const forMs = since === undefined ? undefined : this.#deps.now() - since;
    const lasting = forMs === undefined || forMs < LEAST_SAID_MS ? '' : ` for ${formatDuration(forMs)}`;
    const note = stopping ? `not counted, ${stopping} runs: ${detail}` : `${verdict}${lasting}: ${detail}`;
    currentJob().progress({ stage: stopping ? 'operation' : verdict, note });
  }
}

const isNews = (state: WatchState, known: WatchState | undefined): boolean => (isWell(state) ? !isWell(known) : state !== known);
