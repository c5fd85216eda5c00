import { resolve } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { findThrowawayByPort } from '../../platforms/throwaway/leftovers.ts';
import { findThrowaway, type Throwaway } from '../../platforms/throwaway/throwaway.ts';
import { removeAbandoned } from './directory.ts';

/** What is gone. Without a process: the clone was killed before its Redis ran. */
export type StoppedClone = Pick<Throwaway, 'directory'> & Partial<Pick<Throwaway, 'pid' | 'port'>>;

/** Ends a clone and removes its directory. @throws RecoveryError `INPUT_INVALID` where there is none */
export async function stopClone({ directory, port }: { directory?: string; port?: number }): Promise<StoppedClone> {
  const throwaway = await find({ directory, port });
  if (throwaway) {
    await throwaway.stop();
    return throwaway;
  }
  const abandoned = directory === undefined ? undefined : await removeAbandoned(resolve(directory));
  if (abandoned !== undefined) return { directory: abandoned };
  const where = directory === undefined ? `on port ${port}` : `in ${directory}`;
  throw new RecoveryError('INPUT_INVALID', `there is no clone ${where}`, {
    next: 'Give the directory that `clone` printed. A clone that was stopped is gone already.',
  });
}

async function find({ directory, port }: { directory?: string; port?: number }): Promise<Throwaway | undefined> {
  if (directory === undefined) return port === undefined ? undefined : findThrowawayByPort(port);
  return findThrowaway(resolve(directory)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}
