import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { readProcess, stillRuns } from '../../platforms/host/process-table.ts';
import { removeThrowaways } from '../../platforms/throwaway/leftovers.ts';

/** Written before anything else: whose the directory is, and who makes the clone. A pid is used again; the pair is not. */
const MARK = '.redis-backup-clone.json';
const markSchema = z.object({ formatVersion: z.literal(1), pid: z.number().int().positive(), started: z.string() });
type Mark = z.infer<typeof markSchema>;

/**
 * A directory that only its user can look into, empty, for everything that a clone is: it goes with the clone.
 * @throws RecoveryError `INPUT_INVALID` for one that has something in it
 */
export async function cloneDirectory(wanted: string | undefined): Promise<string> {
  const directory = wanted === undefined ? await mkdtemp(join(tmpdir(), 'redis-backup-clone-')) : await emptyDirectory(wanted);
  const own = await readProcess(process.pid);
  const mark: Mark = { formatVersion: 1, pid: process.pid, started: own?.started ?? '' };
  await writeFile(join(directory, MARK), `${JSON.stringify(mark)}\n`, { flag: 'wx', mode: 0o600 });
  return directory;
}

/**
 * Removes what a clone that was killed before its Redis ran has left. A directory without our mark is never touched.
 * @returns the directory; undefined: it is none of ours
 * @throws RecoveryError `INPUT_INVALID` while whoever makes that clone is at work
 */
export async function removeAbandoned(directory: string): Promise<string | undefined> {
  const mark = await readMark(directory);
  if (!mark) return undefined;
  if (mark.started !== '' && (await stillRuns(mark))) {
    throw new RecoveryError('INPUT_INVALID', `the clone in ${directory} is being made, by process ${mark.pid}`, {
      next: `Wait for it, or end that process with Ctrl-C: it removes ${directory} itself.`,
    });
  }
  await removeThrowaways(await realpath(directory)); // a Redis may run there that nobody could write down
  return directory;
}

async function readMark(directory: string): Promise<Mark | undefined> {
  const text = await readFile(join(directory, MARK), 'utf8').catch(() => '');
  const { success, data } = markSchema.safeParse(jsonOf(text));
  return success ? data : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // cut short, or not ours
  }
}

async function emptyDirectory(wanted: string): Promise<string> {
  const directory = resolve(wanted);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await readdir(directory)).length > 0) throw new Error('it is not empty, and all that is in it would go with the clone');
    await chmod(directory, 0o700);
  } catch (error) {
    throw new RecoveryError('INPUT_INVALID', `${directory} cannot be used for a clone: ${messageOf(error)}`, {
      next: (await readMark(directory))
        ? `It is what a clone has left there, or a clone: \`redis-backup clone --stop ${directory}\` removes it.`
        : 'Name an empty directory, or one that does not exist yet.',
      cause: error,
    });
  }
  return directory;
}
