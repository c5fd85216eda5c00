/** What runs a Redis, seen from the machine that it runs on. One implementation a platform. */
export interface Platform {
  readonly kind: 'process';
  /** For messages: `redis-server /etc/redis.conf on host db1`, or `systemd unit redis.service on host db1`. */
  readonly description: string;
  /** Is a process there? Says nothing about whether it serves. */
  status(): Promise<PlatformStatus>;
  /** Starts it and returns when a process is there, or throws START_FAILED with the last lines of the log. Idempotent. */
  start(signal?: AbortSignal): Promise<PlatformStatus>;
  /** Ends the process, without asking Redis to save, and returns when it is gone. Idempotent. Throws STOP_FAILED. */
  stop(signal?: AbortSignal): Promise<void>;
  /** The last lines that the server logged, oldest first; empty if it has no log that we can read. */
  logs(lines: number): Promise<string[]>;
  /** Where Redis keeps its data and how, read from its configuration file: known even when Redis is down. */
  dataLayout(): Promise<DataLayout>;
}

export interface PlatformStatus {
  running: boolean;
  pid?: number;
}

/** What decides which file a starting Redis loads. Paths are absolute. */
export interface DataLayout {
  dir: string;
  dbfilename: string;
  appendonly: boolean;
  appenddirname: string;
  appendfilename: string;
}
