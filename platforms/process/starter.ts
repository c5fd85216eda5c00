import type { StartUser } from '../../model/restore/start-user.ts';
import type { ProcessEntry } from '../host/process-table.ts';
import type { UserIds } from '../host/users.ts';
import type { PlatformTrace } from '../platform.ts';

/** How a Redis process is brought up and ended on this host: by a command of ours, or by a supervisor. */
export interface Starter {
  /** For messages. */
  readonly description: string;
  readonly restartsByItself: boolean;
  /** Where the process is looked for; `undefined` if it doesn't run. */
  find(): Promise<ProcessEntry | undefined>;
  /** As whom `begin` would start it. `ids` only where that is for us to decide. */
  startUser(): Promise<{ user: StartUser; ids?: UserIds }>;
  /** Why a start could not begin, where that is for us to see. Changes nothing. */
  obstacle?(): Promise<StartObstacle | undefined>;
  /** Begins the start. Throws START_FAILED if that is refused at once. */
  begin(): Promise<Starting>;
  /** Asks for the end of this process, or of the attempts to bring one up. */
  askToEnd(running: ProcessEntry | undefined): Promise<void>;
  /** How a process ended that this object has started, without a pid the last one; `undefined` of any other. */
  endOf(pid?: number): ProcessEnd | undefined;
  /** What a supervisor knows of the last end; empty where there is none. */
  supervised(): Promise<Pick<PlatformTrace, 'end' | 'oomKilled' | 'crashLoop'> | undefined>;
  /** True when nothing will bring it up again, so that "gone" is final. */
  isDown(): Promise<boolean>;
  logs(lines: number): Promise<string[]>;
  /** When it last logged or printed anything, milliseconds since 1970, where that is in files. */
  loggedAt?(): Promise<number | undefined>;
  /** Arguments that Redis is started with, the directory it is started in, and what is added to its environment. */
  commandLine(): Promise<{ command: string[]; cwd: string; env?: Readonly<Record<string, string>> }>;
}

export interface StartObstacle {
  why: string;
  next: string;
}

export interface Starting {
  /** What is known of its end while nothing was found running; `undefined` as long as it may still come up. */
  failure(): Promise<(ProcessEnd & { why?: string }) | undefined>;
}

export interface ProcessEnd {
  pid?: number;
  code?: number;
  signal?: string;
}
