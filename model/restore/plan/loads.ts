import type { RdbFacts, SnapshotManifest } from '../../backup/manifest.ts';
import { rehearsedResult } from '../rehearsal.ts';
import type { PlanInput, PlannedLog } from './types.ts';

/** What Redis loads: the backup, the backup and the log, or the one RDB in which a rehearsal kept what came of both. */
export interface Loads {
  rdb: RdbFacts;
  server: SnapshotManifest['server'];
  /** Replayed over it. */
  log?: PlannedLog;
  /** Bytes that come from the store. */
  fetchBytes: number;
  rehearsed: boolean;
}

export function whatIsLoaded({ manifest, log, rehearsal }: Pick<PlanInput, 'manifest' | 'log' | 'rehearsal'>): Loads {
  const { rdb, server, stored } = manifest;
  const result = rehearsal && rehearsedResult({ rehearsal });
  if (result) return { rdb: result.rdb, server, fetchBytes: 0, rehearsed: true };
  return { rdb, server, ...(log ? { log } : {}), fetchBytes: stored.bytes + (log?.bytes ?? 0), rehearsed: false };
}
