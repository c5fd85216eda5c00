import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type AofFile, parseAofManifest } from './manifest.ts';
import { type AofPart, logMalformed, type ReadPartOptions, readAofPart } from './part.ts';

export interface CheckAofOptions extends ReadPartOptions {
  /**
   * What a crash leaves: the last file may end within a command or a transaction, which Redis drops with
   * `aof-load-truncated yes`. Default: refused.
   */
  mayEndCut?: boolean;
  /** Of this file only so much is read. */
  endsAt?: { name: string; bytes: number };
}

export interface CheckedAof {
  /** What the manifest names, in the order that Redis loads it: the base, if there is one, then the increments. */
  parts: (AofPart & Pick<AofFile, 'name' | 'seq' | 'type'>)[];
  totalBytes: number;
  /** Behind the last whole command of the last file. */
  cutBytes: number;
}

/**
 * Proves a multi-part append-only directory without a Redis: all files are there, the base is whole with its checksum, and
 * each increment can be read to its end.
 * @param manifest - the text of its manifest
 * @throws RecoveryError `MANIFEST_INVALID`, `LOG_MALFORMED`, `RDB_MALFORMED`, `RDB_CHECKSUM_MISMATCH`, with file and byte
 */
export async function checkAof(directory: string, manifest: string, options: CheckAofOptions = {}): Promise<CheckedAof> {
  const files = parseAofManifest(manifest).filter(({ type }) => type !== 'history');
  const ordered = [...files.filter(({ type }) => type === 'base'), ...files.filter(({ type }) => type === 'incr')];
  const parts: CheckedAof['parts'] = [];
  let doneBytes = 0;
  for (const { name, seq, type } of ordered) {
    const path = join(directory, name);
    const before = doneBytes;
    const onProgress = (bytes: number) => options.onProgress?.(before + bytes);
    const part = await readAofPart(path, options.endsAt?.name === name ? options.endsAt.bytes : await sizeOf(path), {
      ...options,
      onProgress,
    });
    parts.push({ ...part, name, seq, type });
    doneBytes += part.bytes;
  }
  for (const part of parts) refuseCut(part, part === parts.at(-1), options.mayEndCut ?? false);
  const last = parts.at(-1);
  return { parts, totalBytes: doneBytes, cutBytes: last ? last.bytes - last.boundary : 0 };
}

/** Redis cuts such a file at its first start, and at the second loads it with a hole: so nobody must get to start with it. */
function refuseCut({ path, bytes, boundary }: AofPart, isLast: boolean, mayEndCut: boolean): void {
  if (boundary === bytes || (isLast && mayEndCut)) return;
  const why = `it has ${bytes} bytes, and its last whole command ends at byte ${boundary}`;
  throw logMalformed(path, isLast ? why : `${why}, though other files of the log follow it`);
}

async function sizeOf(path: string): Promise<number> {
  try {
    const stats = await stat(path);
    if (stats.isFile()) return stats.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  throw logMalformed(path, 'the manifest names it, and there is no such file');
}
