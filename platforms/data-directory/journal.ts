import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { LogDamage } from '../../model/recovery/log-damage.ts';
import { isBaseName } from '../data-layout.ts';
import { type FileSystem, isDiskFull, writeWhole } from './files.ts';
import type { Operation } from './operation.ts';
import type { FileOwner } from './owner.ts';

/**
 * How far an operation is. Written before the step that it allows, so that whoever comes after a kill knows what may have
 * happened. Only from `aside` on has a data file moved.
 *
 * aside        the originals are recorded and are moving, or have moved, into aside/
 * replacing    the new data stands complete in staged/ready/ and is being renamed into place
 * replaced     it is in place
 * done         it was verified; aside/ is kept for a person
 * set-aside    a recovery moved the originals away and puts nothing in their place; aside/ is kept for a person
 * putting-back the originals return; no other step may run any more
 * put-back     they are back; final
 */
export const JOURNAL_PHASES = ['aside', 'replacing', 'replaced', 'done', 'set-aside', 'putting-back', 'put-back'] as const;
export type JournalPhase = (typeof JOURNAL_PHASES)[number];

/** A name that decides what Redis loads, and what stood there before. */
export interface Original {
  name: string;
  kind: 'file' | 'directory' | 'link' | 'absent';
  bytes: number;
}

export interface Journal {
  formatVersion: 1;
  operationId: string;
  phase: JournalPhase;
  updatedAtMs: number;
  originals: Original[];
  owner?: FileOwner;
  /** The name that the new data gets. From `replacing` on. */
  placing?: string;
  /** Of `set-aside`: when a Redis was first let start without the originals. From then on they never come back by themselves. */
  startedAtMs?: number;
  /** Of the Redis there, when it had logged last then, by its own clock: whoever was started has logged since. */
  loggedBeforeMs?: number;
  /** Of `done`: no snapshot of the originals was taken. They go only when a person removes them. */
  onlyCopy?: true;
  /** Of a log that was cut: what was found in it. */
  damage?: LogDamage;
}

const FILE = 'operation.json';
export const BALLAST = 'ballast';
const BALLAST_BYTES = 256 * 1024;

/** `undefined` if no data file was touched by this operation. @throws RecoveryError `DATA_DIRECTORY` if it is damaged */
export async function readJournal(files: FileSystem, home: string): Promise<Journal | undefined> {
  let text: string;
  try {
    text = await files.readFile(join(home, FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const journal = parse(text);
  if (journal) return journal;
  throw new RecoveryError('DATA_DIRECTORY', `${join(home, FILE)} is damaged, or was written by another version`, {
    next: `Look into ${home}: what Redis had before is in aside/. Move it back by hand while Redis is stopped.`,
  });
}

function parse(text: string): Journal | undefined {
  try {
    const journal = JSON.parse(text) as Journal;
    const usable =
      journal.formatVersion === 1 &&
      JOURNAL_PHASES.includes(journal.phase) &&
      journal.originals.every(({ name }) => isBaseName(name)) &&
      (journal.placing === undefined || isBaseName(journal.placing));
    return usable ? journal : undefined;
  } catch {
    return undefined; // the caller says so, by name
  }
}

/** Commits the next phase. A full disk doesn't stop it: putting back must work exactly then, so there is ballast to drop. */
export async function writeJournal({ files, home }: Operation, journal: Journal): Promise<void> {
  const text = `${JSON.stringify({ ...journal, updatedAtMs: Date.now() }, null, 2)}\n`;
  try {
    await writeWhole(files, home, FILE, text);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    await files.rm(join(home, BALLAST), { force: true });
    await writeWhole(files, home, FILE, text);
  }
}

/** Reserves the room that later phases of the journal need. */
export async function takeBallast({ files, home }: Operation): Promise<void> {
  const handle = await files.open(join(home, BALLAST), 'w', 0o600);
  try {
    await handle.writeFile(Buffer.alloc(BALLAST_BYTES, 1));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** @throws RecoveryError `RESTORE_REFUSED` if the operation was put back: a late retry must not take the data away again */
export function refuseWhenPutBack(operation: Operation, journal: Journal | undefined): void {
  if (journal?.phase !== 'putting-back' && journal?.phase !== 'put-back') return;
  throw new RecoveryError('RESTORE_REFUSED', `operation ${operation.id} was put back and cannot go on`, {
    next: 'Start the restore again; it gets an operation of its own.',
  });
}
