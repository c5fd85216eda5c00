import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';

export interface BinaryOptions {
  /** Absolute path. Then nothing else is looked at. */
  explicit?: string;
}

const NAMES = ['redis-server', 'valkey-server'];

/**
 * The executable for a Redis of our own: the one that is named, or the first on PATH.
 * Start it as `redis-server` (argv[0]): where distributions link it, the file is called redis-check-rdb and would be that.
 * @throws RecoveryError `CONFIG_INVALID` if the named one cannot be run, or there is none
 */
export async function findServerBinary({ explicit }: BinaryOptions = {}): Promise<string> {
  if (explicit !== undefined) {
    if (isAbsolute(explicit) && (await isExecutable(explicit))) return explicit;
    throw notThere(`${explicit} is not the absolute path of an executable file`);
  }
  const directories = (process.env.PATH ?? '').split(delimiter).filter(isAbsolute);
  for (const name of NAMES) {
    for (const directory of directories) {
      const path = join(directory, name);
      if (await isExecutable(path)) return path;
    }
  }
  throw notThere('neither redis-server nor valkey-server is on the PATH of the worker');
}

/** An upgrade may have deleted the file under a running process: its link then ends with " (deleted)", and is none. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false; // not there, or not for us: the next place is asked
  }
}

const notThere = (why: string): RecoveryError =>
  new RecoveryError('CONFIG_INVALID', `no Redis server can be started here: ${why}`, {
    next: 'Install redis-server on the host of the worker, or name its path.',
  });
