import type { ConfSources } from '../model/next-start.ts';
import type { StartUser } from '../model/start-user.ts';

/** What runs a Redis, seen from the machine that it runs on. One implementation a platform. */
export interface Platform {
  readonly kind: 'process';
  /** For messages: `redis-server /etc/redis.conf on host db1`, or `systemd unit redis.service on host db1`. */
  readonly description: string;
  /**
   * True when something starts Redis again as soon as it exits (a supervisor such as systemd). Such a server is ended by
   * `stop` and never by the command SHUTDOWN; set `save ""` first, because it is then stopped by a signal that saves.
   */
  readonly restartsByItself: boolean;
  /** Is a process there? Says nothing about whether it serves. */
  status(): Promise<PlatformStatus>;
  /** As whom `start` would run it. */
  startUser(): Promise<StartUser>;
  /** Starts it and returns when a process is there, or throws START_FAILED with the last lines of the log. Idempotent. */
  start(signal?: AbortSignal): Promise<PlatformStatus>;
  /**
   * Asks the process to end and returns when it is gone; never kills it. Redis saves on the way if it has save points, so
   * the caller sends SHUTDOWN NOSAVE first, or sets `save ""` where `restartsByItself`. Idempotent. Throws STOP_FAILED.
   * @param withinMs - in place of the time that the platform gives it
   */
  stop(signal?: AbortSignal, withinMs?: number): Promise<void>;
  /**
   * Ends this very process at once and returns when it is gone. Nothing is saved, so only what a person has approved, of a
   * process that doesn't heed `stop`. Idempotent.
   * @throws RecoveryError `TARGET_IDENTITY` if another process is the Redis by now
   */
  kill(pid: number, signal?: AbortSignal): Promise<void>;
  /** Resolves when the process that runs now is gone; at once if there is none. For whoever waits for a load. */
  exited(signal?: AbortSignal): Promise<ProcessExit>;
  /** The last lines that the server logged, oldest first; empty if it has no log that we can read. */
  logs(lines: number): Promise<string[]>;
  /** Where Redis keeps its data and how, read from its configuration file: known even when Redis is down. */
  dataLayout(): Promise<DataLayout>;
  /** What redis.conf makes of the names of commands, for the next start: by real name, in capitals. */
  renamedCommands(): Promise<Record<string, RenamedCommand>>;
  /**
   * What redis.conf says of a server that cannot be asked: names of commands by their real ones, and settings as CONFIG GET
   * says them.
   */
  confKnowledge(): Promise<{ commands: Record<string, string>; settings: Record<string, string> }>;
  /**
   * Starts what its next start would be beside it: the same program and redis.conf, in an empty directory of its own and behind a
   * socket that only it and we reach. Changes nothing of the real one, ends it, and takes 10 s at most.
   * @param ask - asked with the path of the socket, once it answers
   */
  proveStart<T>(ask: (socketPath: string) => Promise<T>, signal?: AbortSignal): Promise<StartProof<T>>;
  /** What its configuration says that decides whether data can be loaded: databases, modules, names of commands. */
  loadDirectives(): Promise<[string, ...string[]][]>;
  /** How many databases the next start has, by redis.conf. */
  databases(): Promise<number>;
  /** How its last process ended and what keeps it so, as far as this machine knows. Changes nothing. */
  trace(): Promise<PlatformTrace>;
}

export type StartProof<T> =
  | { outcome: 'starts'; said: T; sources: ConfSources }
  /** Redis refuses: its last lines. */
  | { outcome: 'fails'; lastLines: string }
  | { outcome: 'unknown'; why: string };

export interface PlatformTrace {
  /** Absent: nobody here has seen it. A worker that was restarted has not, nor does it know the pid. */
  end?: { pid?: number; code?: number; signal?: string; atMs?: number };
  /** When it last logged or printed anything, where that is in files. */
  loggedAtMs?: number;
  /** A supervisor says that the kernel killed it for memory. */
  oomKilled?: boolean;
  /** A supervisor brings it up again and again, or has given up. */
  crashLoop: boolean;
  /** redis.conf and the program, where they are known. */
  configFile?: string;
  program?: string;
}

export interface PlatformStatus {
  running: boolean;
  pid?: number;
  /** It belongs to somebody else: we may not end it. */
  mayNotEnd?: true;
}

/** How a process ended. A Redis that lacks a module exits with code 0, so while it is loading any exit is a failure. */
export interface ProcessExit {
  pid?: number;
  /** Known only if this worker started the process. */
  code?: number;
  signal?: string;
  /** The end of the log, oldest first. */
  lastLines: string[];
}

/** A `rename-command` line of redis.conf. */
export interface RenamedCommand {
  /** What it is called now; empty: it is disabled. People hide commands so: never shown. */
  name: string;
  /** `line 12 of /etc/redis.conf`. */
  by: string;
}

/** What decides which file a starting Redis loads. Paths are absolute. */
export interface DataLayout {
  dir: string;
  dbfilename: string;
  appendonly: boolean;
  appenddirname: string;
  appendfilename: string;
}
