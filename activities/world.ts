import type { DataClass } from '../model/data-class.ts';
import type { RetentionPolicy } from '../model/retention.ts';
import type { Platform } from '../platforms/platform.ts';
import type { ApplicationProbe } from '../probes/connectivity.ts';
import type { RedisConnection } from '../redis/connection.ts';
import type { Repository } from '../repository/repository.ts';

/** Everything outside that the activities touch, handed in by worker/. Tests hand in real servers on free ports. */
export interface World {
  /** Name of this machine: it polls the queue `host/<name>`. */
  readonly host: string;
  readonly softwareVersion: string;
  /** Room on local disk for a snapshot that the store takes more slowly than Redis gives it. */
  readonly spool?: { directory: string; maxBytes: number };
  now(): number;
  /** @throws RecoveryError `INSTANCE_UNKNOWN`, or `CONFIG_INVALID` for a secret that isn't there */
  instance(name: string): Promise<ProtectedInstance>;
  repository(): Promise<Repository>;
  /** The fence: passes only while this very operation holds the lock of the instance. @throws RecoveryError `LOCK_LOST` */
  requireLock(instance: string): Promise<void>;
}

/** One configured instance with its secrets. Lives in the memory of an activity and nowhere else. */
export interface ProtectedInstance {
  name: string;
  connection: RedisConnection;
  classes: readonly DataClass[];
  backup: { method: 'replication' | 'bgsave'; compressionLevel: number; uncompressedFork: boolean };
  retention: RetentionPolicy;
  applications: ApplicationProbe[];
  /** How long they may take to come back after a restore. */
  applicationsTimeoutMs: number;
  /** Absent on platform `external`: backups only. */
  process?: { host: string; open(): Platform };
}
