import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';
import { realFileSystem } from './files.ts';
import { ownAsDirectory } from './owner.ts';

const POLL_MS = 25;

/**
 * Runs `body` while nobody else on this host, in this process or another, changes the same data directory.
 * Why: a worker that was taken for dead may still be in the middle of a step while its successor puts everything back.
 * The lock belongs to the kernel and ends with its process, also at kill -9; SQLite is the one way to it that Node has on
 * Linux and macOS (fcntl), and nothing is ever written into the file.
 * @throws RecoveryError `DATA_DIRECTORY_BUSY` if it isn't free within `timeoutMs`
 */
export async function withDirectoryLock<T>(root: string, body: () => Promise<T>, timeoutMs = 15_000): Promise<T> {
  const lock = await openLock(root, 'lock');
  try {
    const deadline = performance.now() + timeoutMs;
    while (!tryLock(lock)) {
      if (performance.now() > deadline) {
        throw new RecoveryError('DATA_DIRECTORY_BUSY', `another worker is changing ${root} right now`, {
          next: 'Wait for it; if this lasts, look for a second or a suspended worker on this host.',
        });
      }
      await sleep(POLL_MS);
    }
    return await body();
  } finally {
    lock.close();
  }
}

/** @throws RecoveryError `TARGET_DENIED` where it belongs to another user */
export async function openLock(root: string, name: string): Promise<DatabaseSync> {
  const path = join(root, name);
  try {
    const lock = new DatabaseSync(path, { timeout: 0 });
    await ownAsDirectory(realFileSystem, root, [path]);
    return lock;
  } catch (error) {
    // SQLite says only that it cannot open it.
    throw (await access(root, constants.W_OK | constants.X_OK).then(() => undefined, same)) ?? error;
  }
}

const same = (error: unknown): unknown => error;

/** False if somebody else has it. */
export function tryLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
}

const SQLITE_BUSY = 5;
