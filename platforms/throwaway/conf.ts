import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoteArg } from '../../model/split-args.ts';

/** What a throw-away Redis may be told. */
export interface ThrowawaySettings {
  /** Default `127.0.0.1`. Anything but loopback needs a password. */
  bind?: string;
  password?: string;
  maxMemoryBytes?: number;
  /** As many as the server has whose data it is; Redis' own default is 16. */
  databases?: number;
  /** Shared libraries that the data needs, each with its arguments behind it. */
  modules?: readonly (readonly string[])[];
  /** Where they are not Redis' own, as when the log is a copy of a server's. */
  appenddirname?: string;
  appendfilename?: string;
  /** Lines of the configuration of the server whose data it is: see `Control.loadDirectives`. */
  directives?: readonly (readonly [string, ...string[]])[];
  /** It begins without a key, and keeps nothing on its disk. */
  isEmpty?: boolean;
}

export const LOG_FILE = 'redis.log';

/** Writes its redis.conf; readable by its user only, because of the password. @returns the path */
export async function writeThrowawayConf(directory: string, port: number, settings: ThrowawaySettings): Promise<string> {
  const { bind = '127.0.0.1', password, maxMemoryBytes, databases, modules = [], directives = [] } = settings;
  const { appenddirname, appendfilename, isEmpty = false } = settings;
  const lines: [string, ...string[]][] = [
    ['bind', bind],
    ['port', `${port}`],
    ['protected-mode', 'yes'],
    ['dir', directory],
    ['logfile', join(directory, LOG_FILE)],
    ['daemonize', 'no'],
    ['save', ''],
    ['appendonly', isEmpty ? 'no' : 'yes'],
    // A log that we have cut at a boundary is whole: anything else is a damage, and must not be loaded in part.
    ['aof-load-truncated', 'no'],
    // It has nothing to lose.
    ['appendfsync', 'no'],
    ['auto-aof-rewrite-percentage', '0'],
    ...(password === undefined ? [] : [['requirepass', password] as [string, string]]),
    ...(maxMemoryBytes === undefined ? [] : [['maxmemory', `${maxMemoryBytes}`] as [string, string]]),
    ['maxmemory-policy', 'noeviction'],
    ...(databases === undefined ? [] : [['databases', `${databases}`] as [string, string]]),
    ...modules.map((module): [string, ...string[]] => ['loadmodule', ...module]),
    ...directives.map((directive): [string, ...string[]] => [...directive]),
    // Redis 6 does not know all of these names, so only those that differ are written.
    ...Object.entries({ appenddirname, appendfilename }).filter((pair): pair is [string, string] => pair[1] !== undefined),
  ];
  const path = join(directory, 'redis.conf');
  const text = lines.map(([name, ...values]) => `${name} ${values.map(quoteArg).join(' ')}\n`).join('');
  await writeFile(path, text, { mode: 0o600 });
  return path;
}
