import { open } from 'node:fs/promises';

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

export const lastLines = (text: string, lines: number): string[] =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-lines);

/** The lines that say why Redis ended: without the drawing and the greeting that fill the first page. */
export function reasonIn(lines: readonly string[]): string {
  const telling = lines.filter(
    (line) =>
      /[A-Za-z]{3}/.test(line) &&
      !/oO0OoO0OoO0Oo|Configuration loaded|Redis version=|Running mode|PID: \d+$|redis\.io/.test(line),
  );
  return telling.slice(-4).join(' | ') || 'it logged nothing';
}
