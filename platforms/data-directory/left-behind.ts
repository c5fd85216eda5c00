import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { LeftBehind } from '../../model/recovery/left-behind.ts';
import { WORK_DIRECTORY } from '../data-layout.ts';
import type { DataLayout } from '../platform.ts';
import { directOwner } from './direct-lock.ts';
import { bytesUnder, type FileSystem, isThere, lstatIfThere, namesIn, realDirectory, realFileSystem } from './files.ts';
import { BALLAST, type Journal, readJournal } from './journal.ts';
import { type DataDirectoryOptions, DELETED, inOperation } from './operation.ts';

const UNFINISHED = ['aside', 'replacing', 'replaced', 'putting-back'];
/** What Redis writes later than that was written to the new data. */
const PLACED_WITHIN_MS = 2_000;

/**
 * What operations keep beside the data, oldest first: those that run, those that ended, and those that were cut off. Reads
 * their journals; changes nothing.
 */
export async function leftBehind(layout: DataLayout, files: FileSystem = realFileSystem): Promise<LeftBehind[]> {
  const dir = await realDirectory(files, layout.dir);
  const root = join(dir, WORK_DIRECTORY);
  const owner = await directOwner(root);
  const found: LeftBehind[] = [];
  for (const name of await namesIn(files, root)) {
    if (name.startsWith(DELETED) || !(await lstatIfThere(files, join(root, name)))?.isDirectory()) continue;
    const one = await lookAt(files, dir, join(root, name), name);
    found.push(owner?.operationId === name ? { ...one, owner: `process ${owner.pid}` } : one);
  }
  return found.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

async function lookAt(files: FileSystem, dir: string, home: string, operationId: string): Promise<LeftBehind> {
  const journal = await readJournal(files, home).catch(() => 'damaged' as const);
  const phase = journal === 'damaged' ? 'damaged' : (journal?.phase ?? 'downloading');
  const atMs = typeof journal === 'object' ? journal.updatedAtMs : (await files.lstat(home)).mtimeMs;
  const asideBytes = await bytesUnder(files, join(home, 'aside'));
  const isOpen = UNFINISHED.includes(phase);
  const inUse = isOpen && typeof journal === 'object' && (await isWrittenTo(files, dir, journal));
  return {
    ...{ operationId, phase, at: new Date(atMs).toISOString(), directory: home, asideBytes },
    bytes: (await bytesUnder(files, home)) - (await bytesUnder(files, join(home, BALLAST))),
    unfinished: isOpen && !inUse,
    ...(inUse ? { inUse: true as const } : {}),
  };
}

/** Clients may have been told that what stands there now is stored: putting the old data back would take it from them. */
async function isWrittenTo(files: FileSystem, dir: string, { phase, placing, updatedAtMs }: Journal): Promise<boolean> {
  if (phase !== 'replaced' || placing === undefined) return false;
  const path = join(dir, placing);
  const names = await namesIn(files, path).catch(() => []); // a file
  for (const one of [path, ...names.map((name) => join(path, name))]) {
    const stats = await lstatIfThere(files, one);
    if (stats?.isFile() && stats.mtimeMs > updatedAtMs + PLACED_WITHIN_MS) return true;
  }
  return false;
}

/**
 * Deletes what an operation keeps, for good.
 * @throws RecoveryError `RESTORE_REFUSED` for one that is not over: its aside may be the only copy of the data
 */
export const removeLeftBehind = (layout: DataLayout, operationId: string, options?: DataDirectoryOptions): Promise<LeftBehind> =>
  inOperation(layout, operationId, options, async ({ files, root, home }) => {
    const one = (await leftBehind(layout, files)).find((each) => each.operationId === operationId);
    if (!one || (one.phase === 'downloading' && one.bytes === 0 && !(await isThere(files, join(home, 'staged'))))) {
      await files.rm(home, { recursive: true, force: true }); // made by looking
      throw new RecoveryError('INPUT_INVALID', `nothing is kept of an operation ${operationId}`, {
        next: 'Name one that `redis-backup leftovers` lists.',
      });
    }
    if (one.unfinished || one.owner !== undefined || one.phase === 'damaged') throw notOver(one);
    const doomed = join(root, `${DELETED}${randomUUID()}`);
    await files.rename(home, doomed); // half of an aside must never be taken for a whole one
    await files.rm(doomed, { recursive: true, force: true });
    return one;
  });

const notOver = ({ operationId, directory, owner }: LeftBehind): RecoveryError =>
  new RecoveryError(
    'RESTORE_REFUSED',
    owner === undefined
      ? `operation ${operationId} was cut off: what is in ${directory} may be the only copy of the data`
      : `operation ${operationId} is under way, by ${owner}`,
    { next: 'Let a recovery put it back (`redis-backup recover`), or wait for its end.' },
  );
