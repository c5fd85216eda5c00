import type { Bounds } from '../backup/expiry-timeline.ts';
import type { MergedKeys } from '../merge/merge.ts';
import type { ShardRef } from '../shard.ts';
import type { PlannedAction } from './actions.ts';
import type { UnloadedWrites } from './data-facts.ts';
import type { FailureClass } from './failure-classes.ts';
import type { RecoverySettings } from './settings.ts';
import type { Successor } from './successor.ts';
import type { Twin } from './twins.ts';
import type { LogState } from './worst-loss.ts';

/** Input of `recoverRedis`. Only `instance` is needed at 3 a.m. */
export interface RecoveryInput {
  instance: string;
  /** Which of its Redis. Absent: the only one. */
  shard?: string;
  /** Who or what asked for it, for the report: `ann`, `alert RedisDown`. */
  by?: string;
  /** Only say what would be done. */
  dryRun?: boolean;
  /** In place of what the configuration says, for this recovery. */
  onDamage?: RecoverySettings['onDamage'];
  restore?: RecoverySettings['restore'];
  /** How it was brought back before by this recovery, and failed again. Set by the recovery itself. */
  earlier?: string[];
  /** Former replicas that it let go then, or was allowed to start Redis beside. Set by the recovery itself. */
  beside?: string[];
}

/** What was found, from where, and what is to be done: computed in one activity, so that it is recorded and never changes. */
export interface Assessment {
  /** What people call this Redis: `main`, or `main/1` where there are several. */
  instance: string;
  /** ISO 8601. */
  at: string;
  failure: FailureClass;
  /** What was seen that speaks for the class, one sentence each, the strongest first. */
  evidence: string[];
  restartHelps: boolean;
  /** What clients get at this moment, in one sentence. */
  clients: string;
  /** Since when, as far as it is known. ISO 8601. */
  since?: string;
  actions: PlannedAction[];
  /** Over actions, failure class and instance: what a person approves. */
  digest: string;
  /** What a person must do that we can't or may not; empty when nothing. */
  advice: string[];
  /** What changed in the last 30 minutes, and against the newest manifest. */
  changed: string[];
  backup?: { backupId: string; takenAt: string; ageSeconds: number; keys: number };
  log?: LogState;
  /** The worst case as one sentence with a number. */
  worstLoss: string;
  /** Proven to be of this Redis, and with data. `replid`: of its replication history, as it was then. */
  replicas: { address: string; keys: number; replid: string }[];
  /** Servers that nothing is done to, although they are named as replicas, one sentence each. */
  leftAlone?: string[];
  /** Serves in its place: Redis is not started beside it unless a person wants that. */
  successor?: Successor;
  /** Primaries of its history beside it, while it lives as one: nothing is done to any of them. */
  twins?: Twin[];
  server?: { runId: string; version: string; uptimeSeconds: number; keys: number; role: 'master' | 'slave' };
  /** Of the process, where a worker sees it. */
  platform?: { running: boolean; identity?: string };
  settings: RecoverySettings;
  /** Names of the applications that are asked for. */
  applications: string[];
}

/** Of an act: what was found before. */
export interface ActionInput extends ShardRef {
  assessment: Assessment;
}

/** Redis serves again: a read and a write were answered. */
export interface ServesAgain {
  runId: string;
  /** ISO 8601. */
  servedAt: string;
  keys: number;
  keysLoaded?: number;
  /** What the load cut off or left out, one sentence each. */
  warnings: string[];
}

/** Expected sessions against sessions present. */
export interface DataDecision {
  verdict: 'within-tolerance' | 'lost' | 'unknown';
  /** In one sentence, for the page. */
  text: string;
  expected?: Bounds;
  present: number;
  /** The count of `present` is a sample and not a full count. */
  sampled: boolean;
  lost?: Bounds;
  /** What could be brought back. Absent: nothing could. */
  offer?: RestoreOffer;
  /** What else there is, of an earlier moment. */
  nextBest?: RestoreOffer;
  /** What Redis has loaded is older than the log by these. */
  unloaded?: UnloadedWrites;
  /** What follows from settings and offer. */
  decision: 'go-on' | 'ask' | 'restore';
  /** Over the offer: what a person approves. */
  digest?: string;
}

export interface RestoreOffer {
  classes: string[];
  backupId?: string;
  /** The continuous log, up to here. Absent: the backup alone. */
  until?: string;
  /** The last moment that comes back. ISO 8601. */
  asOf: string;
  /** Sessions that were signed out since then come back. */
  revivesSignedOut: boolean;
}

/** How many people will sign in again, as a range, published before traffic returns. */
export interface SignInForecast {
  lostSessions: Bounds;
  /** Sign-ins, at most, over this time. */
  atMostSignIns: number;
  overSeconds: number;
  /** Requests a second in the first minutes. */
  peakPerSecond: Bounds;
  expiry: 'fixed' | 'sliding';
  /** From the recorded rate, where there is one. */
  normalPerSecond?: number;
  /** One or two sentences for the page. */
  text: string;
}

export interface AuthenticationWatch {
  verdict: 'back-to-normal' | 'still-high' | 'not-watched' | 'cannot-be-told';
  normalPerSecond?: number;
  peakPerSecond?: number;
  lastPerSecond?: number;
  seconds: number;
  text: string;
}

export interface WarmupWatch {
  verdict: 'warm' | 'not-warm' | 'cannot-be-told';
  /** 0 to 1. */
  hitRate?: number;
  target?: number;
  targetFrom: 'configuration' | 'same hour of earlier days' | 'last window before the failure' | 'none';
  seconds: number;
  /** `warm: 91 %`, or `not warm: 61 %, sessions missing`. */
  text: string;
}

/** Result of `recoverRedis`. */
export type RecoveryResult =
  | { outcome: 'planned'; instance: string; assessment: Assessment }
  | { outcome: 'joined'; instance: string; because: string }
  | RecoveryReport;

export interface RecoveryReport {
  /**
   * serving: Redis serves. serving-elsewhere: a promoted replica does, whoever promoted it. not-serving: it needs what only a person can do.
   * aborted: by a person.
   */
  outcome: 'serving' | 'serving-elsewhere' | 'not-serving' | 'aborted';
  instance: string;
  /** See RecoveryInput. */
  earlier?: string[];
  /** The last that was found: a Redis that is dead may be so because its log is damaged. */
  failure: FailureClass;
  /** The whole of it in a few sentences. */
  summary: string;
  assessment: Assessment;
  actionsDone: string[];
  /** What was asked, and by whom it was answered. */
  decisions: { question: string; answer: 'approved' | 'declined' | 'nobody answered'; by?: string; note?: string }[];
  keptAside?: { directory: string; bytes: number };
  /** `anew`: since when it answers after the last operation that stopped it in order, ISO 8601, and which that was. */
  serving?: ServesAgain & { secondsFromStart: number; anew?: { at: string; by: string } };
  promoted?: string;
  applications: { name: string; verdict: string; detail: string }[];
  data?: DataDecision;
  restored?: MergedKeys[];
  /** Why what was approved could not be brought back. */
  restoreFailed?: string;
  /** Less stands than was promised or expected: `toDo` says what, and what to do. */
  incomplete?: true;
  forecast?: SignInForecast;
  authentication?: AuthenticationWatch;
  warmup?: WarmupWatch;
  /** The snapshot taken afterwards. */
  snapshot?: string;
  /** What is still to be done by a person, one sentence each. */
  toDo: string[];
}
