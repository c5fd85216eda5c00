import { chmod, mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';

/**
 * A directory that only its user can look into, empty, for everything that a clone is: it goes with the clone.
 * @throws RecoveryError `INPUT_INVALID` for one that has something in it
 */
export async function cloneDirectory(wanted: string | undefined): Promise<string> {
  if (wanted === undefined) return mkdtemp(join(tmpdir(), 'redis-backup-clone-'));
  const directory = resolve(wanted);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await readdir(directory)).length > 0) throw new Error('it is not empty, and all that is in it would go with the clone');
    await chmod(directory, 0o700);
  } catch (error) {
    throw new RecoveryError('INPUT_INVALID', `${directory} cannot be used for a clone: ${messageOf(error)}`, {
      next: 'Name an empty directory, or one that does not exist yet.',
      cause: error,
    });
  }
  return directory;
}
