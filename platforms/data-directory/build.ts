import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import { isThere } from './files.ts';
import type { Operation } from './operation.ts';
import { STAGED_LOG, STAGED_RDB } from './stage.ts';

/**
 * Builds `<directory>/<appenddirname>` as a multi-part append-only directory whose base is the RDB, and whose increment is the
 * log if there is one, and syncs it. It may move both away: it gets links of its own.
 */
export type BuildAppendDirectory = (
  directory: string,
  names: { appenddirname: string; appendfilename: string; rdbPath: string; logPath?: string },
) => Promise<unknown>;

export interface BuildOptions {
  /** `writeMultiPartFromRdb` of redis/aof. */
  buildAppendDirectory: BuildAppendDirectory;
  /**
   * What a server with `appendonly yes` loads: `multi-part` from Redis 7 on; `single-file` before that, where the RDB is the
   * preamble of the log. Default `multi-part`.
   */
  appendForm?: 'multi-part' | 'single-file';
}

const COPY_BYTES = 1024 * 1024;

/** Makes in `ready` what a starting Redis loads, from what is staged. @returns the name that it must have in the data directory */
export async function buildData(operation: Operation, ready: string, options: BuildOptions): Promise<string> {
  const { files, staged, layout } = operation;
  const { appendonly, appenddirname, appendfilename, dbfilename } = layout;
  const rdb = join(staged, STAGED_RDB);
  const log = join(staged, STAGED_LOG);
  const hasLog = await isThere(files, log);
  if (!appendonly || options.appendForm === 'single-file') {
    const name = appendonly ? appendfilename : dbfilename;
    if (hasLog) await joinInto(operation, [rdb, log], join(ready, name));
    else await linkOrCopy(operation, rdb, join(ready, name));
    return name;
  }
  const workbench = join(staged, 'workbench');
  await files.rm(workbench, { recursive: true, force: true });
  await files.mkdir(workbench, { mode: 0o700 });
  const rdbPath = join(workbench, `base-${STAGED_RDB}`);
  const logPath = join(workbench, `incr-${STAGED_LOG}`);
  await linkOrCopy(operation, rdb, rdbPath);
  if (hasLog) await linkOrCopy(operation, log, logPath);
  await options.buildAppendDirectory(workbench, { appenddirname, appendfilename, rdbPath, ...(hasLog && { logPath }) });
  for (const left of [rdbPath, logPath]) if (await isThere(files, left)) throw leftOut(left);
  await files.rename(join(workbench, appenddirname), join(ready, appenddirname));
  return appenddirname;
}

/** A link, because the staged file must outlive a builder that is killed; a copy where the file system has no links. */
async function linkOrCopy({ files }: Operation, from: string, to: string): Promise<void> {
  try {
    await files.link(from, to);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await files.copyFile(from, to);
    const handle = await files.open(to, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** Copies, and links nothing: to append to a link would change the staged file, which a retry must find as it was. */
async function joinInto({ files }: Operation, parts: readonly string[], to: string): Promise<void> {
  const target = await files.open(to, 'w', 0o600);
  try {
    for (const part of parts) {
      const source = await files.open(part, 'r');
      try {
        await copyInto(target, source);
      } finally {
        await source.close();
      }
    }
    await target.sync();
  } finally {
    await target.close();
  }
}

async function copyInto(target: FileHandle, source: FileHandle): Promise<void> {
  const block = Buffer.allocUnsafeSlow(COPY_BYTES);
  for (;;) {
    const { bytesRead } = await source.read(block, 0, block.length, null);
    if (bytesRead === 0) return;
    for (let at = 0; at < bytesRead; ) at += (await target.write(block.subarray(at, bytesRead))).bytesWritten;
  }
}

const leftOut = (path: string): RecoveryError =>
  new RecoveryError('INTERNAL', `the append-only directory was built without ${path}`, { next: 'Report this.' });
