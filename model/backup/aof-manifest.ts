import type { LogNeeds } from '../archive/log-needs.ts';
import type { Census } from './census.ts';
import type { MANIFEST_FORMAT_VERSION, RdbFacts, ServerFacts, SnapshotReason } from './manifest.ts';
import type { TakenFrom } from './owner.ts';

/** The manifest of one AOF backup: a copy of a server's own append-only log. Last object written, as that of a snapshot. */
export interface AofManifest {
  formatVersion: typeof MANIFEST_FORMAT_VERSION;
  kind: 'aof';
  /** UTC, `YYYYMMDDTHHMMSSZ`: when the files were linked. */
  backupId: string;
  instance: string;
  shard: string;
  reason: SnapshotReason;
  software: { name: 'redis-backup'; version: string };
  server: ServerFacts;
  /** See SnapshotManifest. */
  takenFrom?: TakenFrom;
  /** Seen just before: what was written up to there is in the copy. */
  replication: { replid: string; offset: number };
  times: {
    /** When the files were linked, by the worker's clock. ISO 8601. */
    takenAt: string;
    /** Server's TIME minus ours, milliseconds. */
    clockOffsetMs: number;
    /** The store's clock minus ours, milliseconds. */
    storeOffsetMs?: number;
    finishedAt: string;
  };
  /** `single-file`: the one append-only file of Redis 6 and older. */
  form: 'multi-part' | 'single-file';
  /** The manifest of Redis itself, as it belongs to these files. Absent for a single file. */
  redisManifest?: string;
  /** What one pass over the RDB found that the log begins with. Absent: it begins with commands, or with nothing. */
  base?: { rdb: RdbFacts; census: Census; ttlBoundsSeconds: number[] };
  /** What its commands ask of the Redis that executes them. Absent: they could not be followed. */
  needs?: LogNeeds;
  /** In the order that Redis loads them. */
  files: StoredAofFile[];
}

export interface StoredAofFile {
  /** As Redis calls it. */
  name: string;
  type: 'base' | 'incr';
  seq: number;
  /** Of the file, unpacked: up to its last whole command. */
  bytes: number;
  /** Redis 8: replication offset at its begin. */
  startOffset?: number;
  /** The object beside the manifest. */
  stored: { file: string; bytes: number; sha256: string; compression: 'zstd' };
}
