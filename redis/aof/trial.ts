import { copyFile, link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LogPlace, logFiles } from './damage.ts';
import { type AofFile, formatAofManifest, parseAofManifest } from './manifest.ts';

/** A log without what stands behind one of its files. */
export interface ShortenedLog {
  /** Absent for the single file of Redis 6. */
  manifest?: string;
  /** What it no longer names. */
  followers: string[];
}

/** @param name - the file that is to be its last one */
export async function shortenLog({ dir, appenddirname, appendfilename }: LogPlace, name: string): Promise<ShortenedLog> {
  const path = join(dir, appenddirname, `${appendfilename}.manifest`);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text === undefined) return { followers: [] };
  const files = parseAofManifest(text);
  const own = files.find((file) => file.name === name);
  const follows = ({ type, seq }: AofFile) => type === 'incr' && (own?.type === 'base' || seq > (own?.seq ?? 0));
  return {
    manifest: formatAofManifest(files.filter((file) => !follows(file))),
    followers: files.filter(follows).map((file) => file.name),
  };
}

/**
 * Lays a log out for a Redis that tries whether it can be loaded: links to its files, which that Redis only reads, and a last
 * increment of its own for what it writes meanwhile, such as keys that expire.
 * @param cut - stands for the file of that name
 */
export async function layOutTrial(
  place: LogPlace,
  cut: { name: string; path: string },
  { manifest }: ShortenedLog,
  directory: string,
): Promise<void> {
  const { appenddirname, appendfilename } = place;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (manifest === undefined) return copyFile(cut.path, join(directory, appendfilename));
  const files = parseAofManifest(manifest).filter(({ type }) => type !== 'history');
  const last = Math.max(0, ...files.map(({ seq }) => seq));
  const own: AofFile = { name: `${appendfilename}.${last + 1}.incr.aof`, seq: last + 1, type: 'incr' };
  const log = join(directory, appenddirname);
  await mkdir(log, { mode: 0o700 });
  const named = new Set(files.map(({ name }) => name));
  for (const { name, path } of await logFiles(place))
    if (named.has(name)) await link(name === cut.name ? cut.path : path, join(log, name));
  await writeFile(join(log, own.name), '', { mode: 0o600 });
  await writeFile(join(log, `${appendfilename}.manifest`), formatAofManifest([...files, own]), { mode: 0o600 });
}
