import type { Rpo } from '../model/archive/archiving.ts';
import type { RetentionPolicy } from '../model/backup/retention.ts';
import type { DataClass } from '../model/data-class.ts';
import type { Target } from '../model/deployment.ts';
import type { HeldBy, LockHolder } from '../model/lock.ts';
import type { OpenedPlacement } from '../model/placement.ts';
import type { RecoverySettings, WatchSettings } from '../model/recovery/settings.ts';
import type { NamedShard, ShardRef } from '../model/shard.ts';
import type { PastRecovery } from '../model/watch/watch.ts';
import type { Control, DataLayout, Files } from '../platforms/platform.ts';
import type { ApplicationProbe } from '../probes/connectivity.ts';
import type { RedisConnection } from '../redis/client/connection.ts';
import type { Archive } from '../repository/archive/archive.ts';
import type { Repository } from '../repository/repository.ts';

/** Everything outside that the activities touch, handed in by worker/. Tests hand in real servers on free ports. */
export interface Dependencies {
  /** Name of this machine: it polls the queue `host/<name>`. */
  readonly host: string;
  readonly softwareVersion: string;
  /** Room on local disk for a snapshot that the store takes more slowly than Redis gives it. */
  readonly spool?: { directory: string; maxBytes: number };
  /** How a Redis reaches this worker, for live loads. What is absent is found out. */
  readonly live?: { address?: string; listen?: string; port?: number };
  now(): number;
  /**
   * One Redis with its secrets.
   * @throws RecoveryError `INSTANCE_UNKNOWN`, `INPUT_INVALID` for an unknown shard, or `CONFIG_INVALID` for a secret that isn't there
   */
  shard(of: ShardRef): Promise<ProtectedInstance>;
  /** What is of all its Redis. @throws RecoveryError `INSTANCE_UNKNOWN` */
  instance(name: string): Promise<ConfiguredInstance>;
  /** Names of all configured instances. */
  instances(): string[];
  repository(): Promise<Repository>;
  /** The continuous log of one shard, in the same repository. */
  archive(of: ShardRef): Promise<Archive>;
  /** Aborted when this worker is about to end: what stays for long leaves now, and goes on elsewhere. */
  readonly draining: AbortSignal;
  /** The archiver of a shard. All are idempotent, and do nothing where none runs. */
  readonly archiver: {
    detach(of: NamedShard, by: string): Promise<boolean>;
    attach(of: NamedShard, by: string): Promise<void>;
    /** Tells it what would be lost: it knows no heartbeat. */
    tellRpo(of: NamedShard, rpo: Rpo): Promise<void>;
  };
  /** What goes on with an instance, whoever started it. Both throw when Temporal can't be asked. */
  readonly operations: {
    /** Who holds its lock now. */
    lockHolder(instance: string): Promise<HeldBy | undefined>;
    /** The step that a holder is at, since when, how often it was tried and why it failed. Absent: it is at none. */
    doing(holder: LockHolder): Promise<string | undefined>;
    /** The last recoveries of one of its Redis, the newest first. */
    recoveries(of: NamedShard): Promise<PastRecovery[]>;
  };
  /** The fence: passes only while this very operation holds the lock of the instance. @throws RecoveryError `LOCK_LOST` */
  requireLock(instance: string): Promise<void>;
}

/** What the configuration says of an instance as a whole. No secret. */
export interface ConfiguredInstance extends Pick<ProtectedInstance, 'target' | 'retention'> {
  shards: NamedShard[];
}

/** One Redis of a configured instance with its secrets. Lives in the memory of an activity and nowhere else. */
export interface ProtectedInstance extends NamedShard {
  /** Whom the configuration means by it. Absent: nobody has said, and nothing is compared. */
  target?: Target;
  connection: RedisConnection;
  classes: readonly DataClass[];
  backup: { method: 'replication' | 'bgsave'; compressionLevel: number; uncompressedFork: boolean };
  retention: RetentionPolicy;
  /** Absent: no continuous log is kept. */
  archive?: ArchiveSettings;
  applications: ApplicationProbe[];
  /** How long they may take to come back after a restore. */
  applicationsTimeoutMs: number;
  recovery: RecoverySettings;
  watch?: WatchSettings;
  /** Absent on platform `external`: backups only. */
  control?: ControlPart;
  files?: FilesPart;
}

/** What may start and end a Redis. */
export interface ControlPart {
  /** The queue of those who may ask it. */
  queue: string;
  /** This worker is one of them. */
  isAtHand: boolean;
  /** Where they are, for messages: `on db1`. */
  where: string;
  /** What it runs, as the configuration names it: two instances of the same are one Redis. Of a process, its redis.conf. */
  runs: string;
  /** How long a started Redis may stand still on its way to serving. */
  noProgressMs: number;
  open(): Control;
}

/** Where its data directory is reached. */
export interface FilesPart {
  /** It is reached from this worker. */
  isAtHand: boolean;
  /** Where it is, for messages: `on db1`. */
  where: string;
  /**
   * @param layout - of `Control.dataLayout`, or as Redis itself says it
   * @throws RecoveryError `PLATFORM_UNSUPPORTED` for a directory that is not in what it reaches
   */
  open(layout: DataLayout): Files;
  /** What a throw-away Redis there needs, so that it reads what this Redis reads. Lines of redis.conf may be secret: they stay there. */
  throwawayNeeds(): Promise<ThrowawayNeeds>;
  /**
   * Makes it be reached, and says where from when somebody is there. Idempotent.
   * @param readOnly - nothing is changed there, and it may be open beside another one
   */
  openPlacement(options: { readOnly: boolean; signal: AbortSignal }): Promise<OpenedPlacement>;
  /** Returns when nobody is there who could still write. Idempotent. */
  closePlacement(): Promise<void>;
}

export interface ThrowawayNeeds {
  /** The program of this Redis. Absent: whatever there is. */
  program?: string;
  /** See `Control.loadDirectives`. */
  directives: [string, ...string[]][];
}

export interface ArchiveSettings {
  /** A segment is stored when it is this old, or has so many bytes. */
  segmentAgeMs: number;
  segmentBytes: number;
  /** How long a restarted Redis must have served before it is asked for a new base. */
  restartDelayMs: number;
  /** Segments that are older are joined into large ones. */
  compactAfterMs: number;
  /** Command names as typed on this server, and the real ones. */
  renamedCommands: Readonly<Record<string, string>>;
  /** Write commands of modules that may be replayed. */
  moduleCommands: readonly string[];
}
