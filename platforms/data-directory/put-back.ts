import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { DataLayout } from '../platform.ts';
import { reject, vanished } from './aside.ts';
import { bytesUnder, isThere, syncDirectory } from './files.ts';
import { type Journal, readJournal, writeJournal } from './journal.ts';
import { type DataDirectoryOptions, inOperation, type Operation } from './operation.ts';

export interface PutBack {
  /** False: this operation had moved nothing, so there was nothing to do. */
  changed: boolean;
  /** Names that stand where they stood before. */
  restored: string[];
  /** What had been written in their place is kept here. */
  rejected?: { directory: string; bytes: number };
}

/**
 * Restores exactly the files that an operation found, from whatever state it left: half moved, replaced, even done. What was
 * written in between is moved to rejected/ and never deleted. Works on a full disk. Redis must be stopped.
 * Final: later steps of the same operation are refused. A retry goes on where the last attempt ended.
 * @throws RecoveryError `DATA_DIRECTORY` if an original is nowhere to be found; all others are back then
 */
export async function putBack(layout: DataLayout, operationId: string, options: DataDirectoryOptions = {}): Promise<PutBack> {
  const NOTHING: PutBack = { changed: false, restored: [] };
  return forgivingFullDisk(NOTHING, (see) =>
    inOperation(layout, operationId, options, async (operation) => {
      const journal = see(await readJournal(operation.files, operation.home));
      if (journal?.phase === 'set-aside') return NOTHING; // no restore moved that: see putBackSetAside
      return putBackFrom(operation, journal);
    }),
  );
}

/**
 * Where nothing was moved, all that fails on a full disk is the note that says so: no reason to hold a lock, or to leave a
 * person without a Redis.
 */
async function forgivingFullDisk<T>(
  nothing: T,
  body: (see: (journal: Journal | undefined) => Journal | undefined) => Promise<T>,
): Promise<T> {
  let nothingMoved = true;
  try {
    return await body((journal) => {
      nothingMoved = journal === undefined;
      return journal;
    });
  } catch (error) {
    if (nothingMoved && error instanceof RecoveryError && error.code === 'TARGET_DISK_FULL') return nothing;
    throw error;
  }
}

/** Whether an operation has touched a data file, so that putting back needs a stopped Redis. */
export const hasMoved = (layout: DataLayout, operationId: string, options: DataDirectoryOptions = {}): Promise<boolean> =>
  inOperation(layout, operationId, options, async ({ files, home }) => {
    const journal = await readJournal(files, home);
    return journal !== undefined && journal.phase !== 'put-back';
  });

/**
 * Deletes what an operation has downloaded, and keeps it from going on where it has moved nothing yet. Touches no data file,
 * so Redis may run.
 */
export const discardStaged = (layout: DataLayout, operationId: string, options: DataDirectoryOptions = {}): Promise<void> =>
  forgivingFullDisk(undefined, (see) =>
    inOperation(layout, operationId, options, async (operation) => {
      await operation.files.rm(operation.staged, { recursive: true, force: true });
      if (see(await readJournal(operation.files, operation.home)) === undefined) await putBackFrom(operation, undefined);
    }),
  );

export async function putBackFrom(operation: Operation, known: Journal | undefined): Promise<PutBack> {
  const { files, id, staged } = operation;
  await files.rm(staged, { recursive: true, force: true }); // ours and stored elsewhere; its room may be needed
  if (known?.phase === 'put-back') return report(operation, known, false);
  // Written even if nothing was moved: an attempt that is still under way somewhere must not begin to move now.
  const journal: Journal = known ?? { formatVersion: 1, operationId: id, phase: 'put-back', updatedAtMs: 0, originals: [] };
  if (known) {
    await writeJournal(operation, { ...journal, phase: 'putting-back' });
    await returnOriginals(operation, journal);
  }
  await writeJournal(operation, { ...journal, phase: 'put-back' });
  return report(operation, journal, known !== undefined);
}

async function returnOriginals(operation: Operation, { originals }: Journal): Promise<void> {
  const { files, dir, aside } = operation;
  const lost: string[] = [];
  for (const { name, kind } of originals) {
    if (kind === 'absent') {
      await reject(operation, name);
    } else if (await isThere(files, join(aside, name))) {
      await reject(operation, name);
      await files.rename(join(aside, name), join(dir, name));
    } else if (!(await isThere(files, join(dir, name)))) {
      lost.push(name); // with neither moved, the one in place is the original
    }
  }
  await syncDirectory(files, dir);
  if (await isThere(files, aside)) await syncDirectory(files, aside);
  const [first] = lost;
  if (first !== undefined) throw vanished(operation, first);
}

async function report({ files, rejected }: Operation, { originals }: Journal, changed: boolean): Promise<PutBack> {
  const bytes = await bytesUnder(files, rejected);
  return {
    changed,
    restored: originals.filter(({ kind }) => kind !== 'absent').map(({ name }) => name),
    ...(bytes > 0 && { rejected: { directory: rejected, bytes } }),
  };
}
