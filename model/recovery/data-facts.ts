import type { Bounds } from '../backup/expiry-timeline.ts';
import type { SnapshotManifest } from '../backup/manifest.ts';
import type { DataClass } from '../data-class.ts';
import type { RecoverySettings } from './settings.ts';

/** Keys of one class in Redis now. A sample knows them as bounds. */
export interface PresentKeys extends Bounds {
  name: string;
  /** The best guess between the bounds. */
  keys: number;
}

/** Sessions that the log wrote last, looked up in Redis one by one. */
export interface RecentSessions {
  looked: number;
  missing: number;
  /** Sessions that all of the log since the backup may have written, if it went on as in the part that was read. */
  writtenAtMost: number;
}

/** Writes to wanted classes that stand in the log and not in what Redis has loaded. */
export interface UnloadedWrites {
  /** So many were found in the part that was read. */
  atLeast: number;
  bytes: number;
  /** The end of the log: `--until` takes it. */
  until: string;
  untilMs: number;
}

export interface DataFacts {
  settings: Pick<RecoverySettings, 'sessionClass' | 'tolerance' | 'restore' | 'restoreClasses'>;
  classes: readonly DataClass[];
  /** Newest backup of before the failure. */
  base?: SnapshotManifest;
  /** A restore has begun since, and nothing was backed up after it: what is known is what it replaced. */
  replaced?: { atMs: number; backupId: string };
  present: readonly PresentKeys[];
  /** Function libraries in Redis now; absent: nobody has asked, as the backup has none, or it may not be asked, and why. */
  functionsNow?: number | { unknown: string };
  sampled: boolean;
  recent?: RecentSessions;
  unloaded?: UnloadedWrites;
  /** By the clock of the server. */
  nowMs: number;
  /** The log up to its end at the failure, where it can be replayed. `complete`: it holds all that Redis acknowledged. */
  log?: { until: string; untilMs: number; complete: boolean };
  /** Why the log of an instance that keeps one is of no use. */
  logProblem?: string;
}
