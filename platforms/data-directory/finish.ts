import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { DataLayout } from '../platform.ts';
import { bytesUnder, lstatIfThere, namesIn } from './files.ts';
import { readJournal, refuseWhenPutBack, writeJournal } from './journal.ts';
import { type DataDirectoryOptions, DELETED, inOperation, type Operation } from './operation.ts';

export interface FinishOptions extends DataDirectoryOptions {
  /** No snapshot of the old data was taken: what lies aside may be all there is of it. */
  onlyCopy?: boolean;
  /** Age from which leftovers of dead and of put-back operations are removed. Default 24 h. */
  leftoversOlderThanMs?: number;
}

export interface Finished {
  /** Where the data from before this operation is kept; absent if there was none. */
  kept?: { directory: string; bytes: number };
  /** Older operations whose files were removed. */
  removed: string[];
  freedBytes: number;
  /** Older operations that neither succeeded nor were put back: their aside may be the only copy, so it is left alone. */
  unfinished: string[];
}

const DAY_MS = 24 * 3600 * 1000;
/** Of what recoveries have set aside, so many are kept whatever is verified later: it was damaged, and may be the only copy. */
const KEPT_SET_ASIDE = 2;

/**
 * Marks an operation as verified. Its old data stays; that of older verified operations is removed if there is a snapshot of it,
 * as are leftovers and, but for the newest two, what recoveries had set aside.
 * A retry does what is left of that.
 * @throws RecoveryError `DATA_DIRECTORY` if the new data was never put in place
 */
export const finish = (layout: DataLayout, operationId: string, options: FinishOptions = {}): Promise<Finished> =>
  inOperation(layout, operationId, options, async (operation) => {
    const { files, home, aside } = operation;
    const journal = await readJournal(files, home);
    refuseWhenPutBack(operation, journal);
    if (journal?.phase !== 'replaced' && journal?.phase !== 'done') {
      throw new RecoveryError('DATA_DIRECTORY', `operation ${operationId} has not replaced the data in ${operation.dir}`, {
        next: 'Let the operation be put back, then start the restore again.',
      });
    }
    await files.rm(operation.staged, { recursive: true, force: true });
    if (journal.phase === 'replaced')
      await writeJournal(operation, { ...journal, phase: 'done', ...(options.onlyCopy ? { onlyCopy: true as const } : {}) });
    const swept = await sweepOthers(operation, options.leftoversOlderThanMs ?? DAY_MS);
    const there = (await namesIn(files, aside)).length > 0;
    return { ...swept, ...(there && { kept: { directory: aside, bytes: await bytesUnder(files, aside) } }) };
  });

async function sweepOthers(operation: Operation, olderThanMs: number): Promise<Omit<Finished, 'kept'>> {
  const { files, root, id } = operation;
  const kept = await newestSetAside(operation);
  const result: Omit<Finished, 'kept'> = { removed: [], freedBytes: 0, unfinished: [] };
  for (const name of await namesIn(files, root)) {
    const home = join(root, name);
    if (name === id || !(await lstatIfThere(files, home))?.isDirectory()) continue;
    const verdict = name.startsWith(DELETED) ? 'remove' : kept.has(name) ? 'keep' : await judge(operation, home, olderThanMs);
    if (verdict === 'unfinished') result.unfinished.push(name);
    if (verdict !== 'remove') continue;
    result.freedBytes += await bytesUnder(files, home);
    // Renamed first: half of an aside must never be taken for a whole one.
    const doomed = name.startsWith(DELETED) ? home : join(root, `${DELETED}${randomUUID()}`);
    if (doomed !== home) await files.rename(home, doomed);
    await files.rm(doomed, { recursive: true, force: true });
    if (doomed !== home) result.removed.push(name);
  }
  return result;
}

async function judge({ files }: Operation, home: string, olderThanMs: number): Promise<'remove' | 'keep' | 'unfinished'> {
  const journal = await readJournal(files, home).catch(() => 'damaged' as const);
  if (journal === 'damaged') return 'unfinished';
  const at = journal?.updatedAtMs ?? (await files.lstat(home)).mtimeMs;
  const old = Date.now() - at > olderThanMs;
  if (journal === undefined || journal.phase === 'put-back') return old ? 'remove' : 'keep';
  if (journal.onlyCopy) return 'keep';
  return journal.phase === 'done' || journal.phase === 'set-aside' ? 'remove' : 'unfinished';
}

async function newestSetAside({ files, root }: Operation): Promise<Set<string>> {
  const found: { name: string; atMs: number }[] = [];
  for (const name of await namesIn(files, root)) {
    const journal = await readJournal(files, join(root, name)).catch(() => undefined); // a damaged one is never removed
    if (journal?.phase === 'set-aside') found.push({ name, atMs: journal.updatedAtMs });
  }
  found.sort((one, other) => other.atMs - one.atMs);
  return new Set(found.slice(0, KEPT_SET_ASIDE).map(({ name }) => name));
}
