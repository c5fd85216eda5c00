import type { SnapshotManifest } from './manifest.ts';
import { takesPlaceOf, toCandidate } from './retention.ts';

/** How far a data set of before is looked back for: keys expire, and a Redis that holds less for so long is meant to. */
const LOOK_BACK_MS = 7 * 86_400_000;

/**
 * What `latest` means: the newest backup, unless a Redis that came up empty, or with a handful of new keys, was backed up after
 * its data was lost. A backup with less than a tenth of an older one does not take its place, for a week. Safety snapshots are
 * what a restore replaced; they are asked for by name.
 * @param oldestFirst - manifests of one shard
 */
export function latestBackup(oldestFirst: readonly SnapshotManifest[]): SnapshotManifest | undefined {
  let latest: SnapshotManifest | undefined;
  for (const one of oldestFirst) {
    if (one.reason === 'safety') continue;
    if (
      !latest ||
      isEmpty(latest) ||
      (!isEmpty(one) && (takesPlaceOf(toCandidate(one), toCandidate(latest)) || isOld(latest, one)))
    )
      latest = one;
  }
  return latest;
}

const isEmpty = ({ rdb }: SnapshotManifest): boolean => rdb.parsed && rdb.keys === 0;

const isOld = (older: SnapshotManifest, newer: SnapshotManifest): boolean =>
  Date.parse(newer.times.takenAt) - Date.parse(older.times.takenAt) > LOOK_BACK_MS;
