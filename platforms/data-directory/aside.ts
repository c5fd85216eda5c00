import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { DataLayout } from '../platform.ts';
import { bytesUnder, isThere, namesIn, syncDirectory } from './files.ts';
import { type Journal, readJournal, refuseWhenPutBack, takeBallast, writeJournal } from './journal.ts';
import { type DataDirectoryOptions, inOperation, type Operation } from './operation.ts';
import { fileOwnerOf } from './owner.ts';
import { refuseUnusableLog } from './stage.ts';
import { decisiveNames, refuseObstacles, survey } from './survey.ts';

export interface MovedAside {
  /** Names that were there and have been moved. */
  names: string[];
  bytes: number;
  /** Where they are. */
  directory: string;
}

/**
 * Moves whatever a starting Redis could load out of its sight, by renames, and remembers what was there, "nothing" too.
 * Redis must be stopped. A retry goes on where the last attempt ended.
 * @throws RecoveryError `RESTORE_REFUSED` (mount point, linked directory, a log for `appendonly no`,
 *   put back already), `TARGET_DISK_FULL`, `TARGET_DENIED`
 */
export const moveAside = (layout: DataLayout, operationId: string, options?: DataDirectoryOptions): Promise<MovedAside> =>
  inOperation(layout, operationId, options, async (operation) => {
    const known = await readJournal(operation.files, operation.home);
    refuseWhenPutBack(operation, known);
    const journal = known ?? (await begin(operation));
    if (journal.phase === 'aside') await moveOriginals(operation, journal);
    return movedAside(operation, journal);
  });

/** Records what is there, before anything moves. All room that a later putting back needs is taken now. */
export async function begin(operation: Operation): Promise<Journal> {
  const { files, dir, layout } = operation;
  await refuseUnusableLog(operation);
  await refuseObstacles(files, dir, layout);
  await files.mkdir(operation.aside, { recursive: true, mode: 0o700 });
  await files.mkdir(operation.rejected, { recursive: true, mode: 0o700 });
  await takeBallast(operation);
  const journal: Journal = {
    formatVersion: 1,
    operationId: operation.id,
    phase: 'aside',
    updatedAtMs: 0,
    originals: await survey(files, dir, layout),
    owner: await fileOwnerOf(files, dir, decisiveNames(layout)),
  };
  await writeJournal(operation, journal);
  return journal;
}

/** Brings every recorded original into aside/. What stands in its place although it has moved already is rejected. */
export async function moveOriginals(operation: Operation, journal: Journal): Promise<void> {
  const { files, dir, aside } = operation;
  for (const { name, kind } of journal.originals) {
    const here = join(dir, name);
    const there = join(aside, name);
    if (kind === 'absent' || (await isThere(files, there))) await reject(operation, name);
    else if (await isThere(files, here)) await files.rename(here, there);
    else throw vanished(operation, name);
  }
  await syncDirectory(files, aside);
  await syncDirectory(files, dir);
}

/** Moves what stands under a name into rejected/, if anything does. Nothing that Redis wrote is deleted here. */
export async function reject({ files, dir, rejected }: Operation, name: string): Promise<boolean> {
  const here = join(dir, name);
  if (!(await isThere(files, here))) return false;
  const taken = new Set(await namesIn(files, rejected));
  let free = name;
  for (let copy = 2; taken.has(free); copy++) free = `${name}.${copy}`;
  await files.rename(here, join(rejected, free));
  return true;
}

export async function movedAside({ files, aside }: Operation, { originals }: Journal): Promise<MovedAside> {
  const names = originals.filter(({ kind }) => kind !== 'absent').map(({ name }) => name);
  return { names, bytes: await bytesUnder(files, aside), directory: aside };
}

export const vanished = ({ dir, home }: Operation, name: string): RecoveryError =>
  new RecoveryError('DATA_DIRECTORY', `${join(dir, name)} was there and is gone, and it is not in ${join(home, 'aside')}`, {
    next: 'Find out who moved it, and put it back by hand while Redis is stopped.',
  });
