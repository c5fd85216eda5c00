import { TTL_BOUNDS_SECONDS } from '../backup/census.ts';
import type { Bounds } from '../backup/expiry-timeline.ts';
import type { SnapshotManifest } from '../backup/manifest.ts';
import type { Beyond } from '../backup/unusable.ts';
import { type DataClass, FUNCTIONS, OTHER } from '../data-class.ts';
import { formatCount, formatList } from '../format.ts';
import { classLosses } from '../restore/class-loss.ts';
import type { PlannedLog, PlannedMoment, Refusal } from '../restore/plan/types.ts';
import type { MergeNeeds } from './free-memory.ts';

/** Input of `mergeFromBackup`. */
export interface MergeInput {
  instance: string;
  /** Which of its Redis. Absent: the only one. */
  shard?: string;
  /** Names of data classes, `other` among them. */
  classes: string[];
  /** A backup id, or `latest`, the default. With `until`: the base of the log, which is found by itself when left out. */
  backupId?: string;
  /** See RestoreInput. Absent: the backup alone. */
  until?: string;
  /** The digest of the loss that somebody accepts, as the plan has it. */
  acceptLoss?: string;
  /** See RestoreInput. */
  intoAnother?: boolean;
  /** Only say what would be brought back: a copy is loaded for it, and compared with the instance. */
  planOnly?: boolean;
}

/** A merge that brings back much less than its backup has: the log behind it has taken the keys away. */
export interface MergeLoss {
  /** Of these classes less than half is left of what the backup has alive, or nobody can tell what the log had of them. */
  classes: string[];
  /** What the log has that takes much at once, oldest first. */
  moments: PlannedMoment[];
  /** What `--accept-loss` takes: of the same classes, by the same moments, and of how many keys. */
  digest: string;
  accepted: boolean;
}

/** What a merge would bring back, computed before anything is touched. Without a rehearsal its numbers are of the backup alone. */
export interface MergePlan {
  instance: string;
  shard: string;
  /** See RestorePlan. */
  name: string;
  backupId: string;
  /** Of the stored object. */
  sha256: string;
  takenAt: string;
  plannedAt: string;
  log?: PlannedLog;
  /** What is newer than the chosen moment, and damaged or missing. */
  beyond: readonly Beyond[];
  classes: PlannedMerge[];
  /** A copy was loaded, and compared with the instance. */
  rehearsal?: MergeRehearsal;
  /** See MergeInput. */
  acceptLoss?: string;
  intoAnother?: boolean;
  /** See RestorePlan. */
  targetDoubts: string[];
  /** Where the replayed log takes much at once, oldest first. */
  moments?: PlannedMoment[];
  /** Most of what the backup has is gone from the log, or nobody can tell. */
  loss?: MergeLoss;
  /** What forbids it, found by the rehearsal. */
  refusals: Refusal[];
  warnings: string[];
}

/** What a copy, log and all, has of the wanted classes, and what of that the instance has. Exact, as of `at`. */
export interface MergeRehearsal {
  /** ISO 8601. */
  at: string;
  classes: RehearsedClass[];
  needs: MergeNeeds;
}

export interface RehearsedClass {
  name: string;
  /** In the copy, not expired. */
  alive: number;
  /** Of these, in the instance: they are newer, and stay. The others come back. */
  there: number;
}

export interface PlannedMerge {
  name: string;
  /** Of the backup, before the log is replayed over it. */
  keysInBackup: number;
  /** Of these, not expired at `plannedAt`. */
  aliveNow: Bounds;
  /** That the instance has: they stay as they are. */
  keysNow: number;
}

/** Result of `mergeFromBackup`. */
export type MergeResult = { outcome: 'planned'; instance: string; plan: MergePlan } | MergedReport;

export interface MergedReport {
  /** `incomplete`: less stands than was to come back, and `toDo` says what to do about it. */
  outcome: 'merged' | 'incomplete';
  /** What people call the Redis: `main`, or `main/1` where there are several. */
  instance: string;
  backupId: string;
  /** As of when the keys are. ISO 8601. */
  at: string;
  log?: { timelineId: string; offset: number; bytes: number };
  classes: MergedKeys[];
  /** Keys that Redis has evicted meanwhile, whosever they were. */
  evicted: number;
  toDo: string[];
  warnings: string[];
}

/** What a merge has done, as it stands at its end. */
export interface MergeOutcome {
  classes: MergedKeys[];
  evicted: number;
  /** Where the replayed log takes much at once, oldest first. */
  moments?: PlannedMoment[];
  /** Why it ended before all keys were dealt with. */
  stopped?: string;
  /** What the rehearsal at its beginning found. */
  needs: MergeNeeds;
}

/** What became of the keys of one class. */
export interface MergedKeys {
  name: string;
  /** Were missing, and are there now. */
  restored: number;
  /** Were there already, are newer, and are as they were. */
  kept: number;
  /** Had expired by the time that they would have been restored. */
  expired: number;
  failed: number;
  /** Keys that the copy had, and that were to be there at the end: those that came back, and newer ones. */
  promised: number;
  /** Of these, in Redis at the end, counted anew. */
  standing: number;
  /** Why keys failed, the first few different reasons. */
  reasons: { reason: string; keys: number }[];
}

/** Names that are no data class. */
export const unknownClasses = (wanted: readonly string[], classes: readonly DataClass[]): string[] =>
  wanted.filter((name) => name !== OTHER && name !== FUNCTIONS && !classes.some((one) => one.name === name));

export interface MergeFacts {
  /** Of the Redis that the keys go to. */
  name: string;
  manifest: SnapshotManifest;
  log?: PlannedLog;
  beyond: readonly Beyond[];
  /** Why the moment is not certain. */
  doubts?: readonly string[];
  classes: readonly DataClass[];
  wanted: readonly string[];
  /** What the instance has now. */
  now: readonly { name: string; keys: number }[];
  /** Its function libraries; asked where they are wanted. */
  functionsNow?: number;
  nowMs: number;
  /** Of the server that the keys go to. */
  clockOffsetMs: number;
}

export function planMerge(facts: MergeFacts): MergePlan {
  const { manifest, log, wanted, nowMs } = facts;
  const losses = classLosses(manifest.census, {
    classes: facts.classes,
    bounds: manifest.ttlBoundsSeconds.length > 0 ? manifest.ttlBoundsSeconds : TTL_BOUNDS_SECONDS,
    elapsedSeconds: (nowMs + facts.clockOffsetMs - manifest.census.takenAtMs) / 1000,
  });
  const planned = wanted.map((name): PlannedMerge => {
    if (name === FUNCTIONS) return plannedFunctions(facts);
    const counted = losses.find((one) => one.name === name);
    return {
      name,
      keysInBackup: counted?.keysInBackup ?? 0,
      aliveNow: counted?.aliveNow ?? { atLeast: 0, atMost: 0 },
      keysNow: facts.now.find((one) => one.name === name)?.keys ?? 0,
    };
  });
  return {
    instance: manifest.instance,
    shard: manifest.shard,
    name: facts.name,
    backupId: manifest.backupId,
    sha256: manifest.stored.sha256,
    takenAt: manifest.times.takenAt,
    plannedAt: new Date(nowMs).toISOString(),
    ...(log ? { log } : {}),
    beyond: facts.beyond,
    classes: planned,
    targetDoubts: [],
    refusals: [],
    warnings: warningsOf(facts, planned),
  };
}

/** They do not expire. */
function plannedFunctions({ manifest, functionsNow = 0 }: MergeFacts): PlannedMerge {
  const { functions } = manifest.rdb;
  return { name: FUNCTIONS, keysInBackup: functions, aliveNow: { atLeast: functions, atMost: functions }, keysNow: functionsNow };
}

function warningsOf(facts: MergeFacts, planned: readonly PlannedMerge[]): string[] {
  const { manifest, log, classes, doubts = [] } = facts;
  const sensitive = planned.filter(({ name, aliveNow }) => aliveNow.atMost > 0 && isSensitive(classes, name));
  const atMost = sensitive.reduce((sum, { aliveNow }) => sum + aliveNow.atMost, 0);
  const uncounted = planned.filter(({ name }) => name !== FUNCTIONS && !manifest.census.classes.some((one) => one.name === name));
  return [
    ...doubts,
    ...(atMost > 0 && !log
      ? [
          `the backup alone does not know who signed out since: at most ${formatCount(atMost)} ${formatList(sensitive.map(({ name }) => name))} that were ended come back; with --until the log ends them again`,
        ]
      : []),
    ...(manifest.rdb.parsed
      ? []
      : [`not every key of the backup could be counted: ${manifest.rdb.unparsed ?? 'unknown format'}`]),
    ...(uncounted.length > 0
      ? [`the backup was counted before there was a class ${formatList(uncounted.map(({ name }) => name))}`]
      : []),
  ];
}

const isSensitive = (classes: readonly DataClass[], name: string): boolean =>
  classes.find((one) => one.name === name)?.sensitive ?? false;
