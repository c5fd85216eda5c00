import type { ChangedAccess } from '../model/changed-access.ts';
import type { ConfSources, OtherStart } from '../model/restore/next-start.ts';
import type { StartUser } from '../model/restore/start-user.ts';

/**
 * What runs a Redis: it is looked at, started and ended by this, and its data directory is never touched. One implementation a
 * platform; what is promised here is asked of each by test/platforms/platform-conformance.ts.
 */
export interface Control {
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
   * Ends the very one with this identity at once and returns when it is gone. Nothing is saved, so only what a person has approved, of a
   * process that doesn't heed `stop`. Idempotent.
   * @throws RecoveryError `TARGET_IDENTITY` if another process is the Redis by now
   */
  kill(identity: string, signal?: AbortSignal): Promise<void>;
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
  /**
   * What makes its next start another Redis than the one that runs, or than the one whose configuration is looked at.
   * @param said - by the server that answers; absent when none does
   */
  otherStart(said?: ServerSaid): Promise<OtherStart | undefined>;
  /** What its configuration says that decides whether data can be loaded: databases, modules, names of commands. */
  loadDirectives(): Promise<[string, ...string[]][]>;
  /** How many databases the next start has, by redis.conf. */
  databases(): Promise<number>;
  /** How its last process ended and what keeps it so, as far as this machine knows. Changes nothing. */
  trace(): Promise<PlatformTrace>;
  /** Was the last one ended for memory? @param pid - of the process that is gone, as its log has it */
  memoryKill(pid?: number): Promise<MemoryKill>;
  /** What it may use and uses. */
  memory(): Promise<PlatformMemory>;
  /** The program of the Redis that runs, or ran last, where it can be started here: it reads its own files best. */
  program(): Promise<string | undefined>;
  /** Holds its configuration as it is, for whoever lets Redis rewrite it (CONFIG REWRITE). */
  keepConf(): Promise<KeptConf>;
  /**
   * Is the server that answers the one that this runs? Whatever it is not told, it does not compare.
   * @param said - absent: it does not let us in, and only its process can tell
   */
  identify(said?: ServerSaid): Promise<SameServer>;
}

/**
 * The data directory of a Redis, from where its files are; whoever has it looks at no process and at no Redis. What is done
 * there is platforms/data-directory.ts, wherever that is.
 */
export interface Files {
  /** With the path that the directory has here: that of redis.conf, for a process. */
  readonly layout: DataLayout;
}

export interface KeptConf {
  /** Writes it as it was. */
  takeBack(): Promise<void>;
  /** Who may read it, as it was: CONFIG REWRITE writes a new file. As far as this process may. @returns what differs afterwards */
  putAccessBack(): Promise<ChangedAccess | undefined>;
}

/** What a server says of itself, by INFO and CONFIG GET. */
export interface ServerSaid {
  pid?: number;
  configFile?: string;
  runId?: string;
  port?: number;
  dir?: string;
  /** The same, asked only where nothing else tells: it may have been set while it ran. */
  askDir?(): Promise<string | undefined>;
}

/** `isSure`: it is one that this platform sees, and no way on the net that leads elsewhere. */
export type SameServer = { same: 'yes' } | { same: 'no'; why: string; isSure: boolean } | { same: 'unknown'; why: string };

/** What is absent is not known. */
export interface PlatformMemory {
  hostTotalBytes?: number;
  hostAvailableBytes?: number;
  /** The lowest limit that is set for it, below what the host has, and what is used of it, where that is known. */
  limit?: { limitBytes: number; usedBytes?: number };
  /** Of the server that runs: they come free when it ends. */
  residentBytes?: number;
}

/** Whether the kernel ended a process for memory. `possible`: something was ended, and it cannot be told what. */
export interface MemoryKill {
  verdict: 'yes' | 'possible' | 'no' | 'unknown';
  /** Where that is known from, or why not. */
  why: string;
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
  /** When redis.conf and the program were last changed, milliseconds since 1970. */
  configChangedAtMs?: number;
  programChangedAtMs?: number;
}

export interface PlatformStatus {
  running: boolean;
  /** Of the one that runs. Made and compared by the platform, and read by nobody. */
  identity?: string;
  /** The same for a person: `process 312`. */
  name?: string;
  /** When it began, milliseconds since 1970. */
  sinceMs?: number;
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
