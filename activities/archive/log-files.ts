import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogFiles } from '../../model/archive/restart-proof.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { parseAofManifest } from '../../redis/aof/manifest.ts';

/** The base ends in the checksum of all that is in it. Of an increment so much of its end is compared, in a few milliseconds. */
const COMPARED_BYTES = 4 << 20;

/**
 * The files of an append-only log, in the order in which a start loads them. Neither a base nor an increment says where in the
 * replication history it is (Redis writes `repl-id` and `repl-offset` to dump.rdb alone): what is compared are the files themselves.
 * @param upTo - as they were before: what was appended since is left out
 */
export async function logFilesIn({ dir, appenddirname, appendfilename }: DataLayout, upTo?: LogFiles): Promise<LogFiles> {
  const directory = join(dir, appenddirname);
  const parts = parseAofManifest(await readFile(join(directory, `${appendfilename}.manifest`), 'utf8'));
  return Promise.all(
    parts.map(async ({ name }) => ({
      name,
      ...(await lookAt(join(directory, name), upTo?.find((one) => one.name === name)?.bytes)),
    })),
  );
}

async function lookAt(path: string, upTo?: number): Promise<Omit<LogFiles[number], 'name'>> {
  const file = await open(path);
  try {
    const { dev, ino, size, birthtimeMs } = await file.stat();
    const bytes = Math.min(size, upTo ?? size);
    const end = Buffer.alloc(Math.min(bytes, COMPARED_BYTES));
    const { bytesRead } = await file.read(end, 0, end.length, bytes - end.length);
    const sha256 = createHash('sha256').update(end.subarray(0, bytesRead)).digest('hex');
    return { file: `${dev}:${ino}`, bytes, bornMs: birthtimeMs, endSha256: sha256 };
  } finally {
    await file.close();
  }
}
