import type { SnapshotMethod } from '../model/backup/manifest.ts';
import type { RetentionPolicy } from '../model/backup/retention.ts';
import type { DataClass } from '../model/data-class.ts';
import type { RecoverySettings, WatchSettings } from '../model/recovery/settings.ts';
import type { NamedShard } from '../model/shard.ts';
import type { SecretRef } from './secret.ts';

/** redis-backup.yaml, checked and with every default filled in. Holds references to secrets and never a secret. */
export interface Config {
  origin: ConfigOrigin;
  /** Sets this configuration apart from others in one Temporal namespace. Absent: it has no name. */
  deployment?: string;
  repository: RepositoryConfig;
  temporal: TemporalConfig;
  worker: {
    host: string;
    spool?: { directory: string; maxBytes: number };
    /** Where figures for Prometheus are served. */
    metrics?: { host: string; port: number };
    /** Where alerts are taken. */
    webhook?: { host: string; port: number; token: SecretRef };
    /** How a Redis reaches this worker in a live restore. */
    live?: { address?: string; listen?: string; port?: number };
  };
  /** By name, in the order of the file. Names are checked: small letters, digits, hyphens. */
  instances: Readonly<Record<string, InstanceConfig>>;
}

/** Where the configuration came from, for messages. */
export interface ConfigOrigin {
  file: string;
  /** `redis-backup.yaml:12: instances.main.password` */
  at(path: readonly PropertyKey[]): string;
}

/** The URL, and the settings that its store has. */
export interface RepositoryConfig {
  url: string;
  endpoint?: string | undefined;
  region?: string | undefined;
  forcePathStyle?: boolean | undefined;
  conditionalPut?: 'if-none-match' | 'none' | undefined;
  checksum?: 'crc32' | 'sha256' | 'md5' | undefined;
  accessKeyId?: SecretRef | undefined;
  secretAccessKey?: SecretRef | undefined;
  sessionToken?: SecretRef | undefined;
}

export interface TlsConfig {
  ca?: SecretRef;
  cert?: SecretRef;
  key?: SecretRef;
  servername?: string;
}

/** What is absent comes from Temporal's own environment variables and profile file. */
export interface TemporalConfig {
  address?: string;
  namespace?: string;
  profile?: string;
  apiKey?: SecretRef;
  tls?: TlsConfig;
}

export interface InstanceConfig {
  name: string;
  /** In the order of the file. Outside Redis Cluster there is one. */
  shards: readonly ShardConfig[];
  backup: BackupConfig;
  /** Absent: no continuous log. */
  archive?: ArchiveConfig;
  retention: RetentionPolicy;
  policy: ConfiguredPolicy;
  dataClasses: readonly DataClass[];
  applications: readonly ApplicationConfig[];
  recovery: RecoverySettings;
  /** Absent: only people start a recovery. */
  watch?: WatchSettings;
}

/** One Redis of an instance, and what runs it. */
export interface ShardConfig {
  id: string;
  redis: {
    host: string;
    port: number;
    /** A Unix socket, in place of host and port. */
    socketPath?: string;
    username?: string;
    password?: SecretRef;
    tls?: TlsConfig;
    /** Where Redis itself listens, where the url is that of a TLS terminator, for example. */
    own?: { port?: number; socketPath?: string };
    /** By their real names in capitals. */
    commands?: Readonly<Record<string, string>>;
  };
  platform: PlatformConfig;
}

/** One Redis of an instance, and all that is wanted for it. */
export type InstanceShard = Omit<InstanceConfig, 'shards' | 'name'> & Omit<ShardConfig, 'id'> & NamedShard;

export type PlatformConfig = ProcessConfig | KubernetesConfig | { type: 'external' };

export interface KubernetesConfig {
  type: 'kubernetes';
  namespace: string;
  statefulSet: string;
  /** Default: the one that looks like a Redis. */
  container?: string;
  kubeconfig?: string;
  context?: string;
  helper: { image: string; configMap: string; secret?: string };
  noProgressMs: number;
}

export interface ProcessConfig {
  type: 'process';
  /** Machine that Redis runs on: its worker polls `host/<host>`. */
  host: string;
  /** The file says so; else it is the machine of whoever reads it. */
  hostIsNamed: boolean;
  configFile: string;
  start: { command: string[]; cwd?: string; logFile?: string } | { systemd: string };
  pidFile?: string;
  /** How long a started Redis may stand still on its way to serving. */
  noProgressMs: number;
}

export interface BackupConfig {
  everyMs: number;
  method: Exclude<SnapshotMethod, 'import'>;
  compressionLevel: number;
  uncompressedFork: boolean;
  /** Age from which the last good backup is stale. */
  maxAgeMs: number;
}

export interface ArchiveConfig {
  segmentAgeMs: number;
  segmentBytes: number;
  /** How long a restarted server must have served before a new base is taken. */
  restartDelayMs: number;
  compactAfterMs: number;
  allowMinReplicas: boolean;
  /** As typed on the server, in capitals → real name; those of `redis.commands` among them. */
  renamedCommands: Readonly<Record<string, string>>;
  moduleCommands: readonly string[];
}

/** CONFIG values that the server must have, as CONFIG GET answers them. */
export interface ConfiguredPolicy {
  save: string;
  appendonly: string;
  appendfsync: string;
}

export type ApplicationConfig = { name: string; required: boolean; timeoutMs: number } & (
  | { kind: 'http'; url: string; expectStatus: number[] }
  | { kind: 'clients'; addresses?: string[]; names?: string[]; quorum: number }
  | { kind: 'command'; command: string[] }
);
