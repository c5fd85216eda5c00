import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { DataLayout } from '../platform.ts';
import { isThere, lstatIfThere, namesIn, syncDirectory } from './files.ts';
import { readJournal, refuseWhenPutBack } from './journal.ts';
import { withDirectoryLock } from './lock.ts';
import { type DataDirectoryOptions, type Operation, openOperation, rethrowTranslated } from './operation.ts';
import { fileOwnerOf, giveTo, makeOwn } from './owner.ts';
import { decisiveNames } from './survey.ts';
import { writeInBlocks } from './write-in-blocks.ts';

export interface StageOptions extends DataDirectoryOptions {
  signal?: AbortSignal;
  /** Bytes written so far. */
  onProgress?: (bytes: number) => void;
}

/** A file that lies beside the data files, whole and on disk. */
export interface StagedFile {
  path: string;
  bytes: number;
}

export const STAGED_RDB = 'dump.rdb';
/** Commands that a starting Redis runs after it has loaded the RDB. */
export const STAGED_LOG = 'log.aof';
const PARTIAL = '.partial';

/**
 * Writes an RDB beside the data files, where Redis doesn't look. It appears under its name only when the source has ended
 * without an error and the bytes are on disk. A retry writes it again; what a dead attempt left is removed.
 * @param rdb - a whole RDB; its chunks may be reused by the source as soon as it is asked for the next
 * @throws RecoveryError `TARGET_DISK_FULL`, `TARGET_DENIED`; nothing is left then. Errors of the source come through.
 */
export const stageRdb = (
  layout: DataLayout,
  operationId: string,
  rdb: AsyncIterable<Buffer>,
  options?: StageOptions,
): Promise<StagedFile> => stageFile(layout, operationId, STAGED_RDB, rdb, options);

/**
 * Writes the log that goes on where the staged RDB ends, with the guarantees of `stageRdb`. Redis executes what stands in it.
 * @param log - whole commands, as in an append-only file
 * @throws RecoveryError as `stageRdb`; `RESTORE_REFUSED` for a Redis with `appendonly no`, which reads no log
 */
export async function stageLog(
  layout: DataLayout,
  operationId: string,
  log: AsyncIterable<Buffer>,
  options?: StageOptions,
): Promise<StagedFile> {
  if (!layout.appendonly) throw logOfNoUse(layout.dir);
  return stageFile(layout, operationId, STAGED_LOG, log, options);
}

async function stageFile(
  layout: DataLayout,
  operationId: string,
  name: string,
  source: AsyncIterable<Buffer>,
  options: StageOptions = {},
): Promise<StagedFile> {
  const operation = await openOperation(layout, operationId, options);
  const { files, dir, staged } = operation;
  const path = join(staged, name);
  // A name of its own: an attempt that was taken for dead may still be writing.
  const partial = join(staged, `${name}.${randomUUID()}${PARTIAL}`);
  try {
    refuseWhenPutBack(operation, await readJournal(files, operation.home));
    await makeOwn(files, staged);
    for (const old of await namesIn(files, staged))
      if (old.startsWith(`${name}.`) && old.endsWith(PARTIAL)) await files.rm(join(staged, old), { force: true });
    const bytes = await writePartial(operation, partial, source, options);
    await withDirectoryLock(operation.root, async () => {
      refuseWhenPutBack(operation, await readJournal(files, operation.home));
      await files.rename(partial, path);
      await syncDirectory(files, staged);
    });
    return { path, bytes };
  } catch (error) {
    await files.rm(partial, { force: true }).catch(() => {}); // the first error says more
    throw rethrowTranslated(dir)(error);
  }
}

/** What `stageRdb` finished for this operation, so that a retry needn't download again. */
export const stagedRdb = (layout: DataLayout, operationId: string, options?: DataDirectoryOptions) =>
  stagedFile(layout, operationId, STAGED_RDB, options);

/** The same of `stageLog`. */
export const stagedLog = (layout: DataLayout, operationId: string, options?: DataDirectoryOptions) =>
  stagedFile(layout, operationId, STAGED_LOG, options);

async function stagedFile(
  layout: DataLayout,
  operationId: string,
  name: string,
  options: DataDirectoryOptions = {},
): Promise<StagedFile | undefined> {
  const { files, staged } = await openOperation(layout, operationId, options);
  const path = join(staged, name);
  const stats = await lstatIfThere(files, path);
  return stats && { path, bytes: stats.size };
}

/**
 * A log that would be left out is a restore to another moment than the one that was planned.
 * @throws RecoveryError `RESTORE_REFUSED` if a log is staged for a Redis that reads none
 */
export async function refuseUnusableLog({ files, layout, staged, dir }: Operation): Promise<void> {
  if (!layout.appendonly && (await isThere(files, join(staged, STAGED_LOG)))) throw logOfNoUse(dir);
}

const logOfNoUse = (dir: string): RecoveryError =>
  new RecoveryError('RESTORE_REFUSED', `the Redis of ${dir} runs with appendonly no, so it reads no log when it starts`, {
    next: 'Use strategy live, or turn appendonly on.',
  });

async function writePartial(
  { files, dir, layout }: Operation,
  path: string,
  source: AsyncIterable<Buffer>,
  options: StageOptions,
) {
  const owner = await fileOwnerOf(files, dir, decisiveNames(layout));
  const handle = await files.open(path, 'wx', 0o600);
  try {
    const bytes = await writeInBlocks(handle, source, { ...options, sync: true });
    await giveTo(files, owner, path);
    return bytes;
  } finally {
    await handle.close();
  }
}
