import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { DataLayout } from '../platform.ts';
import { moveOriginals, reject } from './aside.ts';
import { type BuildOptions, buildData } from './build.ts';
import { isThere, syncDirectory } from './files.ts';
import { type Journal, readJournal, refuseWhenPutBack, writeJournal } from './journal.ts';
import { type DataDirectoryOptions, inOperation, type Operation } from './operation.ts';
import { giveTo } from './owner.ts';
import { refuseUnusableLog, STAGED_LOG, STAGED_RDB } from './stage.ts';

export interface ReplaceOptions extends DataDirectoryOptions, BuildOptions {
  /** The plan has a log: refuse to go on without one. Else a log is used where one is staged. */
  needsLog?: boolean;
}

export interface Replaced {
  /** What Redis will load. */
  path: string;
}

/**
 * Puts the staged RDB where a starting Redis loads it: as `dbfilename`, or with `appendonly yes`, which ignores that file, as
 * the base of its log, with the staged log behind it if there is one. One rename, so that Redis finds all or nothing.
 * Redis must be stopped and the old data aside. A retry goes on where the last attempt ended, and changes nothing once it is in place.
 * @throws RecoveryError `DATA_DIRECTORY` if nothing was staged or moved aside; `RESTORE_REFUSED` after a put-back, and for a
 *   log that this Redis would not read
 */
export const replaceWithRdb = (layout: DataLayout, operationId: string, options: ReplaceOptions): Promise<Replaced> =>
  inOperation(layout, operationId, options, async (operation) => {
    let journal = await readJournal(operation.files, operation.home);
    refuseWhenPutBack(operation, journal);
    if (!journal) throw outOfOrder(operation, 'the old data was not moved aside');
    if (journal.phase === 'set-aside') throw outOfOrder(operation, 'a recovery has set it aside under the same name');
    if (journal.phase === 'aside') journal = await makeReady(operation, journal, options);
    if (journal.phase === 'replacing') journal = await place(operation, journal);
    await operation.files.rm(operation.staged, { recursive: true, force: true });
    return { path: join(operation.dir, journal.placing ?? '') };
  });

const readyDirectory = ({ staged }: Operation): string => join(staged, 'ready');

/** Builds the new data under its final name in staged/ready/. Until `replacing` is written this is repeated from the start. */
async function makeReady(operation: Operation, journal: Journal, options: ReplaceOptions): Promise<Journal> {
  const { files, staged, layout } = operation;
  if (!(await isThere(files, join(staged, STAGED_RDB)))) throw outOfOrder(operation, 'no RDB is staged');
  if (options.needsLog && !(await isThere(files, join(staged, STAGED_LOG)))) throw outOfOrder(operation, 'no log is staged');
  await refuseUnusableLog(operation);
  await moveOriginals(operation, journal); // all of it, even if the attempt that moved was cut short
  const ready = readyDirectory(operation);
  await files.rm(ready, { recursive: true, force: true });
  await files.mkdir(ready, { mode: 0o700 });
  const placing = await buildData(operation, ready, options);
  if (journal.owner) await giveTo(files, journal.owner, join(ready, placing));
  await syncDirectory(files, ready);
  await syncDirectory(files, staged);
  const next: Journal = { ...journal, phase: 'replacing', placing };
  await writeJournal({ ...operation, layout }, next);
  return next;
}

/** From here on staged/ready/<name> being gone means that it is in place: only this rename removes it. */
async function place(operation: Operation, journal: Journal): Promise<Journal> {
  const { files, dir } = operation;
  const name = journal.placing ?? '';
  const ready = readyDirectory(operation);
  if (await isThere(files, join(ready, name))) {
    // Nothing should be here. If somebody started Redis meanwhile, what it wrote is kept, but not loaded.
    for (const original of journal.originals) await reject(operation, original.name);
    await files.rename(join(ready, name), join(dir, name));
    await syncDirectory(files, dir);
    await syncDirectory(files, ready);
  }
  if (!(await isThere(files, join(dir, name)))) throw outOfOrder(operation, `${join(dir, name)} has vanished`);
  const next: Journal = { ...journal, phase: 'replaced' };
  await writeJournal(operation, next);
  return next;
}

const outOfOrder = ({ id, dir }: Operation, what: string): RecoveryError =>
  new RecoveryError('DATA_DIRECTORY', `operation ${id} cannot replace the data in ${dir}: ${what}`, {
    next: 'Let the operation be put back, then start the restore again.',
  });
