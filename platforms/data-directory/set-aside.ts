import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { DataLayout } from '../platform.ts';
import { begin, type MovedAside, moveOriginals } from './aside.ts';
import { bytesUnder, namesIn } from './files.ts';
import { type Journal, readJournal, refuseWhenPutBack, writeJournal } from './journal.ts';
import { type DataDirectoryOptions, inOperation, type Operation } from './operation.ts';
import { type PutBack, putBackFrom } from './put-back.ts';
import { survey } from './survey.ts';

export interface SetAsideOptions extends DataDirectoryOptions {
  /**
   * When it was found that the files are damaged. Later than the last start without them: what that Redis wrote is damaged
   * too, and goes the same way. Earlier: a late attempt, which must not take the files of a Redis that serves.
   */
  foundAtMs: number;
}

/**
 * Moves whatever a starting Redis could load out of its sight, as `moveAside` does, for good: nothing replaces it, no later
 * sweep takes it for leftovers (see `finish`), and a Redis may be started without it (see `permitEmptyStart`).
 * Redis must be stopped. A retry goes on where the last attempt ended.
 * @throws RecoveryError as `moveAside`; `DATA_DIRECTORY` if a restore of the same name is under way
 */
export const setAside = (layout: DataLayout, operationId: string, options: SetAsideOptions): Promise<MovedAside> =>
  inOperation(layout, operationId, options, async (operation) => {
    const known = await readJournal(operation.files, operation.home);
    refuseWhenPutBack(operation, known);
    if (known && known.phase !== 'aside' && known.phase !== 'set-aside') {
      throw outOfOrder(operation, `it is in phase ${known.phase}`);
    }
    const journal = known ?? (await begin(operation));
    const isLate = journal.startedAtMs !== undefined && options.foundAtMs <= journal.startedAtMs;
    if (!isLate) await moveOriginals(operation, journal);
    if (journal.phase === 'aside') await writeJournal(operation, { ...journal, phase: 'set-aside' });
    return report(operation, journal);
  });

async function report({ files, home, aside, rejected }: Operation, { originals }: Journal): Promise<MovedAside> {
  const names = originals.filter(({ kind }) => kind !== 'absent').map(({ name }) => name);
  const again = await namesIn(files, rejected);
  const bytes = (await bytesUnder(files, aside)) + (await bytesUnder(files, rejected));
  return { names: [...names, ...again], bytes, directory: again.length > 0 ? home : aside };
}

/**
 * Notes that a Redis is about to start without its data, which from now on never comes back by itself: what clients have been
 * told by a serving Redis isn't taken from them for damaged files.
 * @param running - somebody has started it already: too late to ask whether the directory was empty
 * @param loggedAtMs - when a Redis logged last there: as long as that is so none was started. Absent: not known
 * @throws RecoveryError `DATA_DIRECTORY` if nothing was set aside, or if something that Redis would load is there again
 */
export const permitEmptyStart = (
  layout: DataLayout,
  operationId: string,
  { running, loggedAtMs, ...options }: DataDirectoryOptions & { running: boolean } & LastLogged,
): Promise<void> =>
  inOperation(layout, operationId, options, async (operation) => {
    const { files, dir } = operation;
    const journal = await readJournal(files, operation.home);
    refuseWhenPutBack(operation, journal);
    if (journal?.phase !== 'set-aside') throw outOfOrder(operation, 'its data was not set aside');
    if (journal.startedAtMs !== undefined) return;
    const left = (await survey(files, dir, layout)).find(({ kind }) => kind !== 'absent');
    if (left && !running) throw outOfOrder(operation, `${join(dir, left.name)} is there again`);
    await writeJournal(operation, { ...journal, ...startsNow(loggedAtMs) });
  });

/** The same for a start that isn't about what was set aside, if anything was: whatever Redis finds there, it serves with it. */
export const noteStart = (
  layout: DataLayout,
  operationId: string,
  { loggedAtMs, ...options }: DataDirectoryOptions & LastLogged = {},
): Promise<void> =>
  inOperation(layout, operationId, options, async (operation) => {
    const journal = await readJournal(operation.files, operation.home);
    if (journal?.phase !== 'set-aside' || journal.startedAtMs !== undefined) return;
    await writeJournal(operation, { ...journal, ...startsNow(loggedAtMs) });
  });

const startsNow = (loggedAtMs: number | undefined): Pick<Journal, 'startedAtMs' | 'loggedBeforeMs'> => ({
  startedAtMs: Date.now(),
  ...(loggedAtMs === undefined ? {} : { loggedBeforeMs: loggedAtMs }),
});

interface LastLogged {
  loggedAtMs?: number | undefined;
}

export interface PutBackSetAside extends PutBack {
  /** A Redis was started without the old data, which therefore stays here. */
  left?: { directory: string; bytes: number };
}

/**
 * Undo of `setAside`, for as long as no Redis was started without the data: puts exactly the old files back, damaged as they
 * are, and `setAside` is refused from then on. After a start it changes nothing: availability isn't undone.
 * @param running - a Redis runs, whoever started it
 * @param loggedAtMs - when a Redis logged last there: one that was about to be started and was not has logged nothing since, and
 *   written nothing
 */
export const putBackSetAside = (
  layout: DataLayout,
  operationId: string,
  { running, loggedAtMs, ...options }: DataDirectoryOptions & { running: boolean } & LastLogged,
): Promise<PutBackSetAside> =>
  inOperation(layout, operationId, options, async (operation) => {
    const { files, home, aside } = operation;
    const journal = await readJournal(files, home);
    const isSilent = journal?.loggedBeforeMs !== undefined && journal.loggedBeforeMs === loggedAtMs;
    const wroteNothing = async () => (await survey(files, operation.dir, layout)).every(({ kind }) => kind === 'absent');
    const wasStarted = journal?.startedAtMs !== undefined && !(isSilent && (await wroteNothing()));
    if (journal?.phase === 'set-aside' && (wasStarted || running)) {
      return { changed: false, restored: [], left: { directory: aside, bytes: await bytesUnder(files, aside) } };
    }
    return putBackFrom(operation, journal);
  });

const outOfOrder = ({ id, dir }: Operation, what: string): RecoveryError =>
  new RecoveryError('DATA_DIRECTORY', `operation ${id} cannot go on without the data in ${dir}: ${what}`, {
    next: 'Find out what else changes that directory, then start the recovery again: it looks at everything anew.',
  });
