import type { PlannedAction } from '../actions.ts';
import type { Evidence } from '../evidence.ts';
import type { Observations } from '../observations.ts';
import type { Situation } from '../situation.ts';
import type { LogState } from '../worst-loss.ts';

/** All that is known of one class of failure. What is left out does not compile. */
export interface FailureClassRow {
  /** What a person reads. */
  title: string;
  /** What clients get at this moment, in one sentence. */
  clients: string;
  /** One that doesn't help destroys: evidence at the second start, unsaved data, the connections that still work. */
  restartHelps: boolean;
  /**
   * `yes`: it answers reads and writes, whatever else is wrong. `others`: applications, and not this worker: nothing is touched.
   * `stranger`: what answers is not ours: it is not waited for, and what it says of itself does not count.
   */
  serves: 'yes' | 'no' | 'others' | 'stranger';
  /** `none`: nothing is wrong, or it passes by itself. `symptom`: has a cause behind it that may be found yet, and is no news after one. */
  explains: 'none' | 'symptom' | 'cause';
  /**
   * The process that answers. `lives`: the same as before, with its data. `restarted`: younger than the failure, because only a
   * restart can lead to it. `either`: the class does not tell.
   */
  process: 'lives' | 'restarted' | 'either';
  /** Its files are whole and only not loaded: what is kept aside is a copy. */
  filesStay: boolean;
  /** What a person has to do is still to be done when Redis serves again. */
  advisedAfterwards: boolean;

  /** What speaks for it in this situation; undefined: it is another. The first class that says anything is it. */
  diagnose: (situation: Situation) => Evidence | undefined;
  /** What a person has to do that we may not. Empty: nothing. */
  advice: (situation: Situation) => readonly string[];
  /** Since when clients feel it, as far as that is known. ISO 8601. */
  since: (seen: Observations) => string | undefined;
  /** The worst case as one sentence with a number. */
  worstLoss: (seen: Observations, log: LogState | undefined) => string;
  /**
   * What is to be done, in order: by itself, or where it has an `ask` when a person approves. Nothing that needs the machine of Redis
   * where nobody is there to do it, no restart where it doesn't help, and whatever may divide or destroy is asked.
   */
  actions: (seen: Observations) => PlannedAction[];

  /** The same for docs/recovery.md: done by itself, asked first, left to a person. Null: nothing of that sort. */
  byItself: string | null;
  asked: string | null;
  you: string | null;
}

/** Of all that are down: nothing else is worth a word to a client. */
export const CONNECTIONS_REFUSED = 'Connections are refused.';

export const nothingIsDone = (): PlannedAction[] => [];

export const noAdvice = (): string[] => [];

/** What only somebody at the machine of Redis can do. */
export const onItsMachine =
  (plan: (seen: Observations) => PlannedAction[]) =>
  (seen: Observations): PlannedAction[] =>
    seen.platform ? plan(seen) : [];

/** It has failed when its process ended. */
export const sinceItsEnd = ({ platform }: Observations): string | undefined =>
  platform?.server.running === false ? platform.end?.at : undefined;

/** It has failed when it was started: it lives, and lost its data or waits for it. */
export function sinceItsStart(seen: Observations): string | undefined {
  const uptime = (seen.worker.facts ?? seen.platform?.local?.facts)?.uptimeSeconds;
  return uptime === undefined ? sinceItsEnd(seen) : new Date(seen.nowMs - uptime * 1000).toISOString();
}
