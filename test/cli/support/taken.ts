import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { backupIdAt } from '../../../model/instance.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';

export const NOW_MS = Date.parse('2026-08-01T08:30:00Z');
export const HOUR_MS = 3_600_000;
export const now = () => NOW_MS;

/** A backup that was taken so many hours ago. */
export function taken(hoursAgo: number, keys: number, parts: Partial<SnapshotManifest> = {}): SnapshotManifest {
  const sample = sampleManifest();
  const ms = NOW_MS - hoursAgo * HOUR_MS;
  const times = { ...sample.times, takenAt: new Date(ms).toISOString(), finishedAt: new Date(ms + 5000).toISOString() };
  return { ...sample, backupId: backupIdAt(ms), times, rdb: { ...sample.rdb, keys }, ...parts };
}
