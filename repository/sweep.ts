import type { ShardRef } from '../model/shard.ts';
import { aofBackupsPrefix } from './aof-layout.ts';
import { isValidBackupId, shardPrefix, snapshotsPrefix } from './layout.ts';
import { Pins } from './pins.ts';
import type { ObjectInfo, ObjectStore } from './stores/object-store.ts';

export interface SweepOptions {
  /** Only what is older than this: a younger one may be under way. Milliseconds; 24 hours is our rule. */
  olderThanMs: number;
  /** Name what would go, and leave it. */
  dryRun?: boolean;
  /** Milliseconds since 1970. Default: by the clock of this machine. */
  nowMs?: number;
}

export interface SweptObject {
  key: string;
  /** 0 where the store doesn't say. */
  sizeBytes: number;
  why: 'no manifest' | 'unfinished upload' | 'pin has ended';
}

/** Removes what dead writers left in one shard. Safe to repeat, and beside a backup that is under way. */
export async function sweep(store: ObjectStore, of: ShardRef, options: SweepOptions): Promise<SweptObject[]> {
  const { olderThanMs, dryRun = false, nowMs = Date.now() } = options;
  const beforeMs = nowMs - olderThanMs;
  const swept: SweptObject[] = [];
  for (const prefix of [snapshotsPrefix(of), aofBackupsPrefix(of)]) {
    for (const backupId of await store.listNames(prefix)) {
      if (!isValidBackupId(backupId)) continue;
      for (const { key, sizeBytes } of await orphansOf(store, `${prefix}${backupId}/`, beforeMs)) {
        if (!dryRun) await store.delete(key);
        swept.push({ key, sizeBytes, why: 'no manifest' });
      }
    }
  }
  for (const { key } of await store.sweepUnfinished(shardPrefix(of), beforeMs, { dryRun })) {
    swept.push({ key, sizeBytes: 0, why: 'unfinished upload' });
  }
  for (const { key, untilMs } of await new Pins(store, of).list()) {
    if (untilMs > nowMs) continue;
    if (!dryRun) await store.delete(key);
    swept.push({ key, sizeBytes: 0, why: 'pin has ended' });
  }
  return swept;
}

/** The objects of a backup that never got its manifest; none if it has one, or if any object is young. */
async function orphansOf(store: ObjectStore, folder: string, beforeMs: number): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of store.list(folder)) objects.push(object);
  if (objects.some(({ key, modifiedAtMs }) => key === `${folder}manifest.json` || modifiedAtMs >= beforeMs)) return [];
  return objects;
}
