import type { SnapshotManifest } from './manifest.ts';

/**
 * What `latest` means: the newest backup that holds anything, since a Redis that came up empty may have been backed up
 * after its data was lost. Safety snapshots are what a restore replaced; they are asked for by name.
 * @param oldestFirst - manifests of one shard
 */
export function latestBackup(oldestFirst: readonly SnapshotManifest[]): SnapshotManifest | undefined {
  const candidates = oldestFirst.filter(({ reason }) => reason !== 'safety');
  return candidates.findLast(({ rdb }) => rdb.keys > 0 || !rdb.parsed) ?? candidates.at(-1);
}
