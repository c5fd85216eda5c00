import type { WatchSettings } from '../recovery/settings.ts';
import type { ShardRef } from '../shard.ts';

/** Where an instance is looked at from: over the protocol, on its own machine, and as its applications feel it. */
export type Witness = 'worker' | 'platform' | 'application';

/** What one side says. `unknown`: it can't be asked, or its answer says nothing of this Redis. */
export interface WitnessView {
  verdict: 'serves' | 'fails' | 'unknown';
  /** One sentence for people. */
  detail: string;
}

export type Witnesses = Record<Witness, WitnessView>;

/**
 * What the watcher believes of an instance.
 *
 * serving      it fulfils its criterion
 * loading      it loads its data and goes on with it
 * unclear      it answers, and won't let us see how it is: a refused password
 * failing      it has failed for longer than `afterMs`
 * all-failing  so have all the others, from here
 */
export type WatchState = 'serving' | 'loading' | 'unclear' | 'failing' | 'all-failing';

/** A recovery of the instance, whoever started it. ISO 8601. */
export interface PastRecovery {
  runId: string;
  startedAt: string;
  /** Absent: it runs. */
  endedAt?: string;
}

/** One look at an instance, from a worker. Recorded, so that settings and times never change for a decision that was made. */
export interface WatchView {
  /** ISO 8601. */
  at: string;
  worker: WitnessView;
  application: WitnessView;
  /** What runs it can be asked. */
  hasControl: boolean;
  /** The operation that has a right to stop this Redis, or to change it. */
  locked?: string;
  /** How many others fail with it. Absent: some serve, or there are none. */
  allFailing?: number;
  /** Of the last hours. */
  recoveries: PastRecovery[];
  settings: WatchSettings;
}

/** Input of activity `watchInstance`. */
export interface WatchSession extends ShardRef {
  /** What the watcher believes: the stay ends when that is no longer true. Absent: nothing yet. */
  known?: WatchState;
  /** With `failing`: since when. ISO 8601. */
  since?: string;
  /** Others that failed long before: they say nothing of our own network. */
  deadBefore?: readonly string[];
  /** Addresses of primaries beside it that the watcher knows of: others are news. */
  twins?: readonly string[];
  /** How long to stay at most. Default about an hour. */
  stayMs?: number;
}

/** A former replica that is a primary beside a Redis that serves. */
export interface SeenTwin {
  address: string;
  /** What is so and what to do, as it was when it was looked at last. */
  text: string;
}

/** What a stay ended with. */
export interface WatchNews {
  ended: 'changed' | 'time' | 'draining';
  state: WatchState;
  since?: string;
  deadBefore: string[];
  /** What the last look found. */
  detail: string;
  /** The last look did not see it serve: nobody may say that it does, whatever was known before. */
  unseen?: true;
  /** Primaries beside it. Absent: nobody could look. */
  twins?: SeenTwin[];
  /** With a failure: what is needed to decide. Absent when there is no time, because the worker drains. */
  view?: WatchView;
}

/** Update `alarm` of `watchRedis`: somebody else says that the instance fails. */
export interface Alarm {
  /** One outage: the same for each repetition of an alert, another one for the next outage. */
  incident: string;
  /** Who says so, for the report: `alert RedisDown`. */
  by: string;
  /** When it began. ISO 8601. */
  startsAt: string;
  labels?: Record<string, string>;
}

/** What became of an alarm. */
export type WatchAnswer = 'started' | 'joined' | 'asked' | 'already handled' | 'not confirmed' | `held back: ${string}`;

/** What a person is asked in mode `ask`. */
export interface WatchQuestion {
  /** Named by `approve` and `decline`: nobody approves something else than what they read. */
  incident: string;
  text: string;
  askedAt: string;
}

/** Query `status` of `watchRedis`. What is seen this second is in the heartbeat of `watchInstance`. */
export interface WatchStatus {
  instance: string;
  deployment?: string;
  phase: 'watching' | 'suspicious' | 'held back' | 'asks' | 'recovering' | 'trouble';
  /** In one or two sentences. */
  text: string;
  /** Since when it fails. */
  failingSince?: string;
  /** What each side said when it was decided. */
  witnesses?: Witnesses;
  question?: WatchQuestion;
  /** Recoveries of the last hour that this watcher knows of. */
  recoveries: PastRecovery[];
}

const WITNESSES: readonly Witness[] = ['worker', 'platform', 'application'];

/** Those that say that it fails. */
export const failingWitnesses = (witnesses: Witnesses): Witness[] =>
  WITNESSES.filter((side) => witnesses[side].verdict === 'fails');

/** Two sides must say that it fails, whatever the third says or can't say: one alone may be wrong about itself. */
export const isConfirmed = (witnesses: Witnesses): boolean => failingWitnesses(witnesses).length >= 2;

/** Why one side alone is not enough, for people. */
export function witnessDoubt(witnesses: Witnesses): string {
  const [only] = failingWitnesses(witnesses);
  if (!only) return 'No side says that it fails.';
  const others = WITNESSES.filter((side) => side !== only);
  const says = (side: Witness) => `${side} ${witnesses[side].verdict === 'serves' ? 'sees it well' : 'says nothing'}`;
  return `Only the side ${only} says that it fails (${witnesses[only].detail}); ${others.map(says).join(', ')}. Nothing is started on the word of one.`;
}

/** An alarm speaks for the applications where they can't be asked themselves. */
export const withAlarm = (application: WitnessView, alarm: Pick<Alarm, 'by'> | undefined): WitnessView =>
  alarm && application.verdict === 'unknown' ? { verdict: 'fails', detail: `${alarm.by} says so` } : application;

const HOUR_MS = 3_600_000;

/** Why no recovery is started now although the failure is confirmed. Absent: nothing speaks against it. */
export function restraintOf(
  recoveries: readonly PastRecovery[],
  { coolDownMs, mostPerHour }: WatchSettings,
  nowMs: number,
): string | undefined {
  const ended = recoveries.flatMap(({ endedAt }) => (endedAt === undefined ? [] : [Date.parse(endedAt)]));
  const freeAtMs = Math.max(...ended) + coolDownMs; // -Infinity where there was none
  if (nowMs < freeAtMs) return `cool-down until ${new Date(freeAtMs).toISOString().slice(11, 19)} UTC after the last recovery`;
  const lately = recoveries.filter(({ startedAt }) => nowMs - Date.parse(startedAt) < HOUR_MS).length;
  return lately >= mostPerHour
    ? `${lately} recoveries within an hour, and mostPerHour is ${mostPerHour}: a person must look`
    : undefined;
}

/** Both lists as one, the newest last, without those that are older than `keepMs`. What was seen later knows more. */
export function mergeRecoveries(
  before: readonly PastRecovery[],
  seen: readonly PastRecovery[],
  { nowMs, keepMs }: { nowMs: number; keepMs: number },
): PastRecovery[] {
  const all = new Map([...before, ...seen].map((one) => [one.runId, one]));
  return [...all.values()]
    .filter(({ startedAt, endedAt }) => nowMs - Date.parse(endedAt ?? startedAt) < keepMs)
    .sort((one, other) => Date.parse(one.startedAt) - Date.parse(other.startedAt));
}

/** A recovery that was just started may not be in Temporal's lists yet. */
const LISTED_WITHIN_MS = 30_000;

/** @param listed - as Temporal lists them now; `known` are those that we remember, the ones that we have started among them */
export function recoveryRuns(listed: readonly PastRecovery[], known: readonly PastRecovery[], nowMs: number): boolean {
  const ids = new Set(listed.map(({ runId }) => runId));
  const isNew = ({ runId, startedAt }: PastRecovery) => !ids.has(runId) && nowMs - Date.parse(startedAt) < LISTED_WITHIN_MS;
  return listed.some(({ endedAt }) => endedAt === undefined) || known.some(isNew);
}

/** It serves, or is about to. */
export const isWell = (state: WatchState | undefined): boolean => state === 'serving' || state === 'loading';
export const isFailing = (state: WatchState | undefined): boolean => state === 'failing' || state === 'all-failing';
