import { TTL_BOUNDS_SECONDS } from './census.ts';
import { type DataClass, OTHER } from './data-class.ts';
import type { Bounds } from './expiry-timeline.ts';
import { formatBytes, formatCount, formatList } from './format.ts';
import { classLosses } from './loss.ts';
import type { ServerFacts, SnapshotManifest } from './manifest.ts';
import type { PlannedLog } from './plan.ts';

/** Input of `mergeFromBackup`. */
export interface MergeInput {
  instance: string;
  /** Names of data classes, `other` among them. */
  classes: string[];
  /** A backup id, or `latest`, the default. With `until`: the base of the log, which is found by itself when left out. */
  backupId?: string;
  /** See RestoreInput. Absent: the backup alone. */
  until?: string;
  /** Only say what would be brought back. */
  planOnly?: boolean;
}

/** What a merge would bring back, computed before anything is touched. */
export interface MergePlan {
  instance: string;
  shard: string;
  backupId: string;
  /** Of the stored object. */
  sha256: string;
  takenAt: string;
  plannedAt: string;
  log?: PlannedLog;
  classes: PlannedMerge[];
  warnings: string[];
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
  outcome: 'merged';
  instance: string;
  backupId: string;
  /** As of when the keys are. ISO 8601. */
  at: string;
  log?: { timelineId: string; offset: number; bytes: number };
  classes: MergedKeys[];
  warnings: string[];
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
  /** Why keys failed, the first few different reasons. */
  reasons: { reason: string; keys: number }[];
}

/** Names that are no data class. */
export const unknownClasses = (wanted: readonly string[], classes: readonly DataClass[]): string[] =>
  wanted.filter((name) => name !== OTHER && !classes.some((one) => one.name === name));

export interface MergeFacts {
  manifest: SnapshotManifest;
  log?: PlannedLog;
  classes: readonly DataClass[];
  wanted: readonly string[];
  /** What the instance has now. */
  now: readonly { name: string; keys: number }[];
  server: ServerFacts;
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
    backupId: manifest.backupId,
    sha256: manifest.stored.sha256,
    takenAt: manifest.times.takenAt,
    plannedAt: new Date(nowMs).toISOString(),
    ...(log ? { log } : {}),
    classes: planned,
    warnings: warningsOf(facts, planned),
  };
}

function warningsOf(facts: MergeFacts, planned: readonly PlannedMerge[]): string[] {
  const { manifest, log, classes } = facts;
  const sensitive = planned.filter(({ name, aliveNow }) => aliveNow.atMost > 0 && isSensitive(classes, name));
  const atMost = sensitive.reduce((sum, { aliveNow }) => sum + aliveNow.atMost, 0);
  const uncounted = planned.filter(({ name }) => !manifest.census.classes.some((one) => one.name === name));
  return [
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
    ...memoryWarning(facts, planned),
  ];
}

const isSensitive = (classes: readonly DataClass[], name: string): boolean =>
  classes.find((one) => one.name === name)?.sensitive ?? false;

/** As if all keys were of one size. */
function memoryWarning({ manifest, server }: MergeFacts, planned: readonly PlannedMerge[]): string[] {
  const { maxmemoryBytes, usedMemoryBytes, maxmemoryPolicy } = server;
  const coming = planned.reduce((sum, { aliveNow }) => sum + aliveNow.atMost, 0);
  const perKey = (manifest.rdb.usedMemoryBytes ?? manifest.server.usedMemoryBytes) / Math.max(1, manifest.rdb.keys);
  const after = usedMemoryBytes + coming * perKey;
  if (maxmemoryBytes === 0 || after <= maxmemoryBytes) return [];
  const what = maxmemoryPolicy === 'noeviction' ? 'what does not fit is refused' : 'they may push out others';
  return [
    `the keys could fill Redis to about ${formatBytes(after)}, and maxmemory is ${formatBytes(maxmemoryBytes)}: ${what} (${maxmemoryPolicy})`,
  ];
}
