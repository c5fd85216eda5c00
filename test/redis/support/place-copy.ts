import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { AofPlace, PinnedAof } from '../../../redis/aof/copy.ts';
import { type ReadPartOptions, readFilePart } from '../../../redis/aof/part.ts';

/**
 * Makes of pinned files a log that another Redis may start with: real copies, cut where the copy ends. A link would not do:
 * that Redis would append to the log of the first. The manifest comes last; a copy that dies before it is no log.
 * @param place - an empty directory, and the names that the other Redis will be configured with: those of the first
 * @throws RecoveryError `LOG_MALFORMED` if a file has become shorter meanwhile
 */
export async function placeCopy(
  { form, files, manifest }: Pick<PinnedAof, 'form' | 'files' | 'manifest'>,
  place: AofPlace,
  options: ReadPartOptions = {},
): Promise<void> {
  const directory = form === 'multi-part' ? join(place.dir, place.appenddirname) : place.dir;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let doneBytes = 0;
  for (const { name, path, bytes } of files) {
    const before = doneBytes;
    const onProgress = (done: number) => options.onProgress?.(before + done);
    const body = readFilePart(path, 0, bytes, { ...options, onProgress });
    await pipeline(body, createWriteStream(join(directory, name), { flags: 'wx', mode: 0o600 }), { signal: options.signal });
    doneBytes += bytes;
  }
  if (manifest === undefined) return;
  await writeFile(join(directory, `${place.appendfilename}.manifest`), manifest, { flag: 'wx', mode: 0o600 });
}
