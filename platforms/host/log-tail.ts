import { open, stat } from 'node:fs/promises';

const MAX_TAIL_BYTES = 256 * 1024;

/** The last lines of a file, oldest first; empty if there is none or it may not be read. Reads at most 256 kB, from the end. */
export async function tailOf(path: string, lines: number): Promise<string[]> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (!handle) return []; // a log that cannot be read must not keep Redis down
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - MAX_TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return lastLines(buffer.toString('utf8', 0, bytesRead), lines);
  } finally {
    await handle.close();
  }
}

/** The last lines of several files, those of the file that was written last at the end: a log and what its process printed. */
export async function tailOfBoth(paths: readonly string[], lines: number): Promise<string[]> {
  const times = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  const ordered = paths.toSorted((one, other) => (times[paths.indexOf(one)] ?? 0) - (times[paths.indexOf(other)] ?? 0));
  return (await Promise.all(ordered.map((path) => tailOf(path, lines)))).flat().slice(-lines);
}

/** A line of redis.conf that Redis complains of is shown by its directive only: `>>> 'requirepass …` may hold a password. */
export const lastLines = (text: string, lines: number): string[] =>
  text
    .split('\n')
    .map((line) => line.trimEnd().replace(/^(>>> '\s*\S+)\s.*$/, "$1 …'"))
    .filter((line) => line !== '')
    .slice(-lines);

const NOISE =
  /oO0OoO0OoO0Oo|Configuration loaded|Redis version=|Running mode|PID: \d+$|redis\.io|overcommit|Huge Pages|TCP backlog|looks OK!/;
const BLAME =
  /error|fatal|can't|cannot|bad directive|unrecoverable|denied|failed|invalid|wrong|no matching|in use|unknown|unresolved|abort/i;

/** The first line of a run. Logs are appended to, and what an earlier run complained of explains nothing. */
const BEGIN = /oO0OoO0OoO0Oo|FATAL CONFIG FILE ERROR/;

/** What the log says of why Redis ended: the last complaint of its last run with what leads to it, not the check of the RDB after it. */
export function reasonIn(lines: readonly string[]): string {
  const begin = lines.findLastIndex((line) => BEGIN.test(line));
  const telling = lines.slice(Math.max(0, begin)).filter((line) => /[A-Za-z]{3}/.test(line) && !NOISE.test(line));
  const blame = telling.findLastIndex((line) => BLAME.test(line));
  const end = blame < 0 ? telling.length : blame + 1;
  return telling.slice(Math.max(0, end - 4), end).join(' | ') || 'it logged nothing';
}
