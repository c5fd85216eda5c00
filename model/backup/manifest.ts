import type { Census } from './census.ts';
import type { TakenFrom } from './owner.ts';

/** The only format version that this software writes and reads. */
export const MANIFEST_FORMAT_VERSION = 1;

/** How the RDB was taken: over PSYNC as a replica, by BGSAVE from a directory that the worker sees, or from a file that somebody had. */
export type SnapshotMethod = 'replication' | 'bgsave' | 'import';

/**
 * Why a snapshot was taken. `safety` is what stood in the target before a restore replaced it, `archive` the base of a timeline,
 * `recovery` what Redis had when it served again.
 */
export type SnapshotReason = 'scheduled' | 'manual' | 'safety' | 'archive' | 'imported' | 'recovery';

/** The manifest of one snapshot: last object written, so its presence says that the snapshot is whole. */
export interface SnapshotManifest {
  formatVersion: typeof MANIFEST_FORMAT_VERSION;
  kind: 'snapshot';
  /** UTC, `YYYYMMDDTHHMMSSZ`: the time of the fork. */
  backupId: string;
  instance: string;
  shard: string;
  reason: SnapshotReason;
  method: SnapshotMethod;
  software: { name: 'redis-backup'; version: string };
  server: ServerFacts;
  /** As the configuration named it. Absent: of an import, or nobody has said. */
  takenFrom?: TakenFrom;
  /** Name of the ACL user that took it: that it may is proven. Absent: of an import. */
  takenAs?: string;
  replication: { replid: string; offset: number };
  times: {
    /** Fork, by the worker's clock. ISO 8601. */
    takenAt: string;
    /** Server's TIME minus ours, milliseconds, seen when the snapshot began. */
    clockOffsetMs: number;
    /** The store's clock minus ours, milliseconds, as far as the time tells that it gave the object. 0: within the upload. */
    storeOffsetMs?: number;
    finishedAt: string;
  };
  /** The object beside the manifest. */
  stored: { file: string; bytes: number; sha256: string; compression: 'zstd' };
  rdb: RdbFacts;
  census: Census;
  /** Bounds of the census' histogram, seconds. */
  ttlBoundsSeconds: number[];
}

/** What the server said of itself: the facts that a later restore must fit, and that "what changed" is read from. */
export interface ServerFacts {
  product: 'redis' | 'valkey';
  version: string;
  runId: string;
  role: 'master' | 'slave';
  usedMemoryBytes: number;
  maxmemoryBytes: number;
  maxmemoryPolicy: string;
  databases: number;
  modules: { name: string; version: number }[];
  /** `host:port` of the replicas that were connected: whoever starts it empty would wipe them. */
  replicas: string[];
  policy: PersistencePolicy;
  /**
   * What the server could not be asked (`rename-command`), such as `CONFIG GET`: its settings are empty then, or those of
   * `from`.
   */
  unasked?: { commands: string[]; from?: 'redis.conf' };
}

/** CONFIG values that decide what survives. As text, the way CONFIG GET answers. */
export interface PersistencePolicy {
  save: string;
  appendonly: string;
  appendfsync: string;
  dir: string;
  dbfilename: string;
  appenddirname: string;
  appendfilename: string;
  rdbcompression: string;
  rdbchecksum: string;
}

/** What one pass over the RDB found. */
export interface RdbFacts {
  magic: 'REDIS' | 'VALKEY';
  version: number;
  /** Bytes of the RDB as Redis wrote it, header to trailer. */
  bytes: number;
  /** `unchecked`: the server runs with `rdbchecksum no`, the trailer is 0. */
  crc64: 'valid' | 'unchecked';
  /** False when a type that the reader doesn't know stopped it: the bytes are stored, the counts are of what came before. */
  parsed: boolean;
  /** Why not, with the offset; absent when parsed. */
  unparsed?: string;
  keys: number;
  expires: number;
  databases: { db: number; keys: number; expires: number }[];
  functions: number;
  /** Names of module data types and auxiliary data met, such as `ReJSON-RL`. */
  moduleTypes: string[];
  usedMemoryBytes?: number;
  replid?: string;
  replOffset?: number;
}
